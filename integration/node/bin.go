package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// BinVariable names the environment variable with the directory of the binaries
// to test. By default each test program builds those of this module for itself.
const BinVariable = "CNI_TEST_BIN"

const modulePath = "github.com/containernetworking/plugins"

// build is what this test program builds for itself, once.
type build struct {
	once sync.Once
	dir  string
	err  error
}

var separate, bundled build

// Main runs the tests of a package that uses nodes and returns the exit status.
// Call it from TestMain.
func Main(m *testing.M) int {
	defer func() {
		os.RemoveAll(separate.dir)
		os.RemoveAll(bundled.dir)
	}()
	return m.Run()
}

// Bin returns the directory of the plugins' binaries and builds them if need be.
func Bin() (string, error) {
	if dir := os.Getenv(BinVariable); dir != "" {
		return dir, nil
	}
	return separate.get("plugins/*/*/main.go", "")
}

// Bundle returns the path of the executable that has all plugins, and builds it, also
// where there are binaries to test: those may be separate.
func Bundle() (string, error) {
	const name = "cni-plugins"
	dir, err := bundled.get("plugins/bundle/main.go", name)
	return filepath.Join(dir, name), err
}

// get returns the directory with the binaries of the commands whose sources match a
// pattern, or of one by a name of its own.
func (b *build) get(pattern, name string) (string, error) {
	b.once.Do(func() { b.dir, b.err = buildCommands(pattern, name) })
	return b.dir, b.err
}

func buildCommands(pattern, name string) (string, error) {
	// The test may be of another module, which requires this one.
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", modulePath).Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	root := strings.TrimSpace(string(out))
	mains, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "cni-plugins-")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", dir + string(filepath.Separator) + name}
	for _, m := range mains {
		args = append(args, filepath.Dir(m))
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("build the plugins: %w\n%s", err, out), os.RemoveAll(dir))
	}
	return dir, nil
}

// WriteProgram writes a file that is to be executed, which fails while any process has it open for
// writing: no process is started meanwhile that would inherit it (ETXTBSY of execve(2)).
func WriteProgram(t testing.TB, path, text string) {
	t.Helper()
	syscall.ForkLock.RLock()
	err := os.WriteFile(path, []byte(text), 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
}
