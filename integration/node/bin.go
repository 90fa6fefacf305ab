package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// BinVariable names the environment variable with the directory of the binaries
// to test. By default each test program builds those of this module for itself.
const BinVariable = "CNI_TEST_BIN"

// built is the directory of the binaries that this test program has built.
var built struct {
	sync.Mutex
	dir string
	err error
}

// Main runs the tests of a package that uses nodes and returns the exit status.
// Call it from TestMain.
func Main(m *testing.M) int {
	defer func() { os.RemoveAll(built.dir) }()
	return m.Run()
}

// Bin returns the directory of the plugins' binaries and builds them if need be.
func Bin() (string, error) {
	if dir := os.Getenv(BinVariable); dir != "" {
		return dir, nil
	}
	built.Lock()
	defer built.Unlock()
	if built.dir == "" && built.err == nil {
		built.dir, built.err = build()
	}
	return built.dir, built.err
}

// build builds all plugins of the module into a new directory.
func build() (string, error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	root := filepath.Dir(string(mod))
	mains, err := filepath.Glob(filepath.Join(root, "plugins", "*", "*", "main.go"))
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "cni-plugins-")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-buildvcs=false", "-o", dir + string(filepath.Separator)}
	for _, m := range mains {
		args = append(args, filepath.Dir(m))
	}
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("build the plugins: %w\n%s", err, out), os.RemoveAll(dir))
	}
	return dir, nil
}
