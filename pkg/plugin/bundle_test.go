package plugin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
)

// Only a link to the running executable is a sibling: another program of the
// name, and another name of the program, are not.
func TestSibling(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sibling := &Plugin{Name: "host-local"}
	bundled = []*Plugin{sibling}
	t.Cleanup(func() { bundled = nil })

	dir := t.TempDir()
	for name, target := range map[string]string{"host-local": exe, "other-name": exe} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	stranger := filepath.Join(t.TempDir(), "host-local")
	if err := os.WriteFile(stranger, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]*Plugin{
		filepath.Join(dir, "host-local"): sibling,
		filepath.Join(dir, "other-name"): nil,
		filepath.Join(dir, "missing"):    nil,
		stranger:                         nil,
	} {
		if got := Sibling(path); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
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
