package libcni

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A namespace that is mounted where only its runtime sees it is there: here its path is that of
// another file.
func TestIsGoneElsewhere(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	path := filepath.Join(t.TempDir(), "namespace")
	expect := func(when string, want bool) {
		t.Helper()
		if have := (Directories{}).IsGone(path, true); have != want {
			t.Errorf("%s: gone %v", when, have)
		}
	}
	expect("no file", true)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, hidden := os.Readlink("/proc/1/ns/mnt") // what cannot be told is not gone
	expect("a file", hidden == nil)
	runtime := exec.Command("unshare", "--mount", "sh", "-ec", `mount --bind /proc/self/ns/net "$0"; echo mounted; cat`, path)
	in, err := runtime.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := runtime.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := runtime.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	expect("a namespace that another process sees", false)
	in.Close()
	_ = runtime.Wait()
	expect("a file again", hidden == nil)
}
