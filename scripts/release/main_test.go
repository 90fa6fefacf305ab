// Package release_test makes a release, and uses what is in it as those do who get it.
// It needs root, Debian's mirror and some minutes: test_linux.sh --release runs it.
package release_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// work is a directory of these tests' own.
var work string

func TestMain(m *testing.M) {
	var err error
	if work, err = os.MkdirTemp("", "cni-plugins-release-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(work)
	os.Exit(status)
}

// version is what the release is.
var version = func() string {
	text, err := os.ReadFile("../../VERSION")
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(text))
}()

// dist returns the directory with the release of what is committed, for the architectures
// that $ARCHITECTURES names. again is another build, in a folder that has nothing in common
// with the other one.
var dist, again = sync.OnceValues(builder("one")), sync.OnceValues(builder("another/of-a-longer-name"))

func builder(folder string) func() (string, error) {
	return func() (string, error) {
		clone := filepath.Join(work, folder)
		if out, err := exec.Command("git", "clone", "--quiet", "../..", clone).CombinedOutput(); err != nil {
			return "", fmt.Errorf("clone: %w\n%s", err, out)
		}
		if out, err := exec.Command(filepath.Join(clone, "scripts/release.sh")).CombinedOutput(); err != nil {
			return "", fmt.Errorf("release.sh: %w\n%s", err, out)
		}
		return filepath.Join(clone, "dist"), nil
	}
}

// must is for the results of dist and again.
func must(t *testing.T, build func() (string, error)) string {
	t.Helper()
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// file returns the path of a file of the release.
func file(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(must(t, dist), name)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// output runs a program, which must succeed, and returns what it prints.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}
