package record

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/node"
)

// What the kernel can is tried once for each boot, what it cannot each time.
func TestAble(t *testing.T) {
	t.Parallel()
	n, boot := node.New(t), filepath.Join(t.TempDir(), "boot_id")
	if err := os.WriteFile(boot, []byte("11111111-2222-3333-4444-555555555555\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tried, lacking := 0, errors.New("lacking")
	able := func(name string, outcome error, want int) {
		t.Helper()
		err := Able(name, func() error { tried++; return outcome })
		if !errors.Is(err, outcome) || tried != want {
			t.Errorf("%s: %v, tried %d times, want %d", name, err, tried, want)
		}
	}
	err := n.Do(func() error {
		able("x", lacking, 1)
		able("x", lacking, 2)
		able("x", nil, 3)
		able("x", nil, 3)
		able("y", nil, 4)
		if err := unix.Mount(boot, "/proc/sys/kernel/random/boot_id", "", unix.MS_BIND, ""); err != nil {
			return err
		}
		able("x", nil, 5)
		able("x", nil, 5)
		if err := unix.Mount("", "/run", "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			return err
		}
		able("x", nil, 5)
		able("y", nil, 6)
		able("y", nil, 7)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
