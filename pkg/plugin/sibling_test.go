package plugin

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"golang.org/x/sys/unix"
)

// built makes an executable with a note of this build, as the linker would have.
func built(t *testing.T, path, name string) *os.File {
	t.Helper()
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { to.Close() })
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	to.WriteAt(note(name), noteAt)
	return to
}

// noteAt is where nothing is of what the linker reserves.
const noteAt = headLength / 2

// Only what the same build made of a plugin that is linked into the executable is a sibling,
// by whatever link: all else is started as a process, whatever it is.
func TestSibling(t *testing.T) {
	build = strings.Repeat("0123456789", 4)
	sibling := &Plugin{Name: "host-local"}
	siblings = []*Plugin{sibling, {Name: "static"}}
	t.Cleanup(func() { build, siblings = "", nil })
	for name, c := range map[string]struct {
		file, note string
		change     func(path string, f *os.File) error
		isSibling  bool
	}{
		"same build":        {isSibling: true},
		"bundle":            {note: bundleName, isSibling: true},
		"another plugin":    {note: "static"},
		"longer name":       {note: "host-local2"},
		"not linked":        {file: "dhcp", note: "dhcp"},
		"not executable":    {change: func(_ string, f *os.File) error { return f.Chmod(0o644) }},
		"set-user-ID":       {change: func(_ string, f *os.File) error { return f.Chmod(0o755 | os.ModeSetuid) }},
		"empty":             {change: func(_ string, f *os.File) error { return f.Truncate(0) }},
		"half of the head":  {change: func(_ string, f *os.File) error { return f.Truncate(headLength - 1) }},
		"only the head":     {change: func(_ string, f *os.File) error { return f.Truncate(headLength) }},
		"segments cut off":  {change: func(_ string, f *os.File) error { return f.Truncate(headLength * 100) }},
		"no note":           {change: func(_ string, f *os.File) error { return write(f, noteAt, make([]byte, 100)) }},
		"garbled note":      {change: func(_ string, f *os.File) error { return write(f, noteAt+20, []byte{0xff}) }},
		"another note type": {change: func(_ string, f *os.File) error { return write(f, noteAt+8, []byte{4, 0, 0, 4}) }},
		"script":            {change: func(_ string, f *os.File) error { return write(f, 0, []byte("#!/bin/sh\n")) }},
		"wild headers":      {change: func(_ string, f *os.File) error { return write(f, 0x20, []byte("\xff\xff\xff\xff\xff\xff\xff\xff")) }},
		"symbolic link": {isSibling: true, change: func(path string, _ *os.File) error {
			return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path))
		}},
		"replaced by a FIFO": {change: func(path string, _ *os.File) error {
			return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o755))
		}},
		"gone":                 {change: func(path string, _ *os.File) error { return os.Remove(path) }},
		"no build of ours":     {change: func(string, *os.File) error { build = ""; return nil }},
		"capabilities of file": {change: capable},
	} {
		t.Run(name, func(t *testing.T) {
			defer func(before string) { build = before }(build)
			if c.file == "" {
				c.file = sibling.Name
			}
			if c.note == "" {
				c.note = c.file
			}
			path := filepath.Join(t.TempDir(), c.file)
			f := built(t, path, c.note)
			if c.change != nil {
				if err := c.change(path, f); err != nil {
					t.Fatal(err)
				}
			}
			if got := Sibling(path); (got == sibling) != c.isSibling || got != nil && got != sibling {
				t.Errorf("got %v", got)
			}
		})
	}
}

func write(f *os.File, at int64, b []byte) error {
	_, err := f.WriteAt(b, at)
	return err
}

// capable gives a file CAP_NET_ADMIN (capabilities(7), VFS_CAP_REVISION_2).
func capable(path string, _ *os.File) error {
	return unix.Setxattr(path, "security.capability", []byte("\x01\x00\x00\x02\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 0)
}

func TestRunOfASibling(t *testing.T) {
	outcome := func() (*current.Result, error) { return oneAddress(), nil }
	undone := 0
	p := &Plugin{Name: "fake", CNIFuncs: skel.CNIFuncs{Add: func(args *skel.CmdArgs) error {
		return Add(args, func(a *Attachment) (*current.Result, error) {
			a.Undo(func() error { undone++; return nil })
			return outcome()
		})
	}}}
	out, err := p.Run("ADD", args("1.0.0"))
	if err != nil || !strings.Contains(string(out), "192.0.2.7/24") || undone != 0 {
		t.Errorf("printed %s, error %v, undone %d times", out, err, undone)
	}
	if out, err := p.Run("DEL", args("1.0.0")); err != nil || len(out) != 0 {
		t.Errorf("verb that is nil: printed %s, error %v", out, err)
	}
	for name, end := range map[string]func() (*current.Result, error){
		"error": func() (*current.Result, error) { return nil, Errorf(types.ErrTryAgainLater, "full") },
		"panic": func() (*current.Result, error) { panic("full") },
	} {
		outcome, undone = end, 0
		_, err := p.Run("ADD", args("1.0.0"))
		var printed *types.Error
		if !errors.As(err, &printed) || !strings.HasSuffix(printed.Msg, "full") || (name == "panic") != (printed.Details == report) || undone != 1 {
			t.Errorf("%s: error %v, undone %d times", name, err, undone)
		}
	}
}
