package plugin

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// bundled are the plugins that the executable of this process answers to.
var bundled []*Plugin

// Bundle is the Main of several plugins in one executable: it runs the one whose name the
// executable was called by, as through a link, or the one that the first argument names. By
// another name it runs own with the arguments, and exits with the status that this returns.
func Bundle(own func(args []string) int, plugins ...*Plugin) {
	bundled = plugins
	if find(filepath.Base(os.Args[0])) == nil && len(os.Args) > 1 && find(os.Args[1]) != nil {
		os.Args = os.Args[1:]
	}
	if p := find(filepath.Base(os.Args[0])); p != nil {
		Main(*p)
		return
	}
	os.Exit(own(os.Args[1:]))
}

func find(name string) *Plugin {
	i := slices.IndexFunc(bundled, func(p *Plugin) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return bundled[i]
}

// Sibling returns the plugin at path if it is bundled with the running one, in
// the same executable: then it need not be started as a process. Otherwise it
// returns nil.
func Sibling(path string) *Plugin {
	p := find(filepath.Base(path))
	if p == nil {
		return nil
	}
	there, err := os.Stat(path)
	if err != nil {
		return nil
	}
	here, err := os.Stat("/proc/self/exe")
	if err != nil || !os.SameFile(here, there) {
		return nil
	}
	return p
}

// Run runs a verb ("ADD", …) of a sibling and returns what it prints. Its error
// is the object that the plugin would print as a process, a *types.Error. Not
// for concurrent use: what is printed meanwhile by others is taken along.
func (p *Plugin) Run(command string, args *CmdArgs) ([]byte, error) {
	fd, err := unix.MemfdCreate("stdout", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a memory file: %w", err)
	}
	memory := os.NewFile(uintptr(fd), "stdout")
	defer memory.Close()
	stdout := os.Stdout
	os.Stdout = memory
	err = p.verb(command, p.verbs()[command])(args)
	os.Stdout = stdout
	if err != nil {
		return nil, err
	}
	if _, err := memory.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(memory)
}
