package unpolled_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// A process of another user has links that the kernel makes, and that lead to its namespaces.
func TestLinkOfProcess(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	other := exec.Command("cat")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65535, Gid: 65535}}
	stdin, err := other.StdinPipe()
	if err == nil {
		err = other.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer stdin.Close()
	namespace, err := unpolled.Open(fmt.Sprintf("/proc/%d/ns/net", other.Process.Pid), unix.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	namespace.Close()
}

// The links of root are followed, and those of another user are not: by nobody who reads or
// writes, nor as a part of a path.
func TestPlantedLinks(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	target, link, folder := filepath.Join(dir, "target"), filepath.Join(dir, "link"), filepath.Join(dir, "folder")
	err := errors.Join(os.WriteFile(target, []byte("text"), 0o600), os.Symlink(target, link), os.Symlink(dir, folder))
	if err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(folder, "target")
	if text, err := unpolled.ReadFile(link); err != nil || string(text) != "text" {
		t.Errorf("root's link: %q, %v", text, err)
	}
	if err := unpolled.CheckPath(below); err != nil {
		t.Error(err)
	}
	for _, path := range []string{link, folder} {
		if err := os.Lchown(path, 1000, 1000); err != nil {
			t.Fatal(err)
		}
	}
	for _, flags := range []int{unix.O_RDONLY, unix.O_WRONLY | unix.O_TRUNC, unix.O_RDWR | unix.O_CREAT} {
		if _, err := unpolled.Open(link, flags); !errors.Is(err, unpolled.ErrPlanted) {
			t.Errorf("flags %#x: %v", flags, err)
		}
	}
	if err := unpolled.CheckPath(below); !errors.Is(err, unpolled.ErrPlanted) {
		t.Errorf("path: %v", err)
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != "text" {
		t.Errorf("the target: %q, %v", text, err)
	}
}
