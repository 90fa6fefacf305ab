package plugin

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// siblings are the plugins that are linked into this executable, besides the one that runs.
var siblings []*Plugin

func find(name string) *Plugin {
	i := slices.IndexFunc(siblings, func(p *Plugin) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return siblings[i]
}

// Sibling returns the plugin at path if it is linked into this executable as well, of the
// same build: then it need not be started as a process. Otherwise it returns nil. A file that
// another one replaces after that is harmless: what runs is what was there when it was
// looked for, as with a process that was just started.
func Sibling(path string) *Plugin {
	p := find(filepath.Base(path))
	if p == nil || !isOfThisBuild(path, p.Name) {
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
