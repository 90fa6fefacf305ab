package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/node"
)

// What the kernel can is tried once for each boot, and so is what it lacks, unless there are
// other drivers by then; what went wrong otherwise is tried each time.
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

// What the kernel lacks it may have when a driver has been installed.
func TestAbleLater(t *testing.T) {
	t.Parallel()
	n, release := node.New(t), filepath.Join(t.TempDir(), "osrelease")
	if err := os.WriteFile(release, []byte("../../run/drivers\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tried := 0
	able := func(outcome error, want int) {
		t.Helper()
		err := Able("x", func() error { tried++; return outcome })
		if tried != want || (err == nil) != (outcome == nil) || err != nil && err.Error() != "make y: operation not supported" {
			t.Errorf("%v, tried %d times, want %d", err, tried, want)
		}
	}
	lacking := fmt.Errorf("make y: %w", unix.EOPNOTSUPP)
	err := n.Do(func() error {
		if err := unix.Mount(release, "/proc/sys/kernel/osrelease", "", unix.MS_BIND, ""); err != nil {
			return err
		}
		able(lacking, 1)
		able(lacking, 1)
		if err := errors.Join(os.Mkdir("/run/drivers", 0o700), os.WriteFile("/run/drivers/modules.dep", nil, 0o600)); err != nil {
			return err
		}
		able(lacking, 2)
		able(lacking, 2)
		if err := os.Chtimes("/run/drivers/modules.dep", time.Now(), time.Now().Add(time.Second)); err != nil {
			return err
		}
		able(nil, 3)
		able(nil, 3)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
