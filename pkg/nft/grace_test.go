package nft_test

import (
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/unpolled"
)

// graceFile is where those who delete and those who close take turns.
const graceFile = "/run/cni/nftables"

// chains makes a table with chains of the names.
func chains(names ...string) error {
	c, err := nft.Dial()
	if err != nil {
		return err
	}
	defer c.Close()
	tx := &nft.Transaction{}
	tx.AddTable(table)
	for _, name := range names {
		tx.AddChain(table, nft.Chain{Name: name})
	}
	return c.Apply(tx)
}

// deleteChain deletes a chain, and returns the connection.
func deleteChain(name string) (*nft.Conn, error) {
	c, err := nft.Dial()
	if err != nil {
		return nil, err
	}
	tx := &nft.Transaction{}
	tx.DeleteChain(table, name)
	return c, c.Apply(tx)
}

// awaited returns how many deletions nobody has waited for.
func awaited() (int64, error) {
	info, err := os.Stat(graceFile)
	if err != nil {
		return 0, err
	}
	return info.ModTime().UnixNano(), nil
}

// Deletions are counted until somebody closes.
func TestDeletionsAreAwaited(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	err := n.Do(func() error {
		if err := chains("a", "b"); err != nil {
			return err
		}
		if _, err := os.Stat(graceFile); !os.IsNotExist(err) {
			t.Errorf("nothing was deleted: %v", err)
		}
		a, errA := deleteChain("a")
		b, errB := deleteChain("b")
		if err := errors.Join(errA, errB); err != nil {
			return err
		}
		if n, err := awaited(); err != nil || n != 2*int64(time.Second) {
			t.Errorf("two deleted: %d, %v", n, err)
		}
		for _, c := range []*nft.Conn{a, b} {
			c.Close()
			if n, err := awaited(); err != nil || n != 0 {
				t.Errorf("closed: %d, %v", n, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Who deletes waits for who closes, and who closes for who deletes. Who adds waits for nobody.
func TestTurns(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	var c *nft.Conn
	err := n.Do(func() (err error) {
		if err = chains("a", "b"); err == nil {
			c, err = deleteChain("a") // which makes the file
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		how int
		act func() error
	}{
		"delete": {unix.LOCK_EX, func() error {
			c, err := deleteChain("b")
			if err == nil {
				defer c.Close()
			}
			return err
		}},
		"close": {unix.LOCK_SH, func() error { c.Close(); return nil }},
	} {
		var other *os.File
		err := n.Do(func() (err error) {
			if other, err = os.Open(graceFile); err == nil {
				err = unpolled.Flock(other, test.how)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		done := make(chan error, 1)
		running.Go(func() { done <- n.Do(test.act) })
		if err := n.Do(func() error { return addChain(name) }); err != nil {
			t.Errorf("add: %v", err)
		}
		select {
		case err := <-done:
			t.Errorf("%s did not wait: %v", name, err)
		case <-time.After(100 * time.Millisecond):
		}
		other.Close()
		running.Wait()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// addChain adds a chain on a connection that is not closed before the test ends.
func addChain(name string) error {
	c, err := nft.Dial()
	if err != nil {
		return err
	}
	tx := &nft.Transaction{}
	tx.AddChain(table, nft.Chain{Name: name})
	return c.Apply(tx)
}

// Where there can be no such file, or is something else, deletions need none.
func TestWithoutTurns(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func() error{
		"read-only": func() error { return unix.Mount("", "/run", "", unix.MS_REMOUNT|unix.MS_RDONLY, "") },
		"FIFO":      func() error { return errors.Join(os.MkdirAll("/run/cni", 0o755), unix.Mkfifo(graceFile, 0o600)) },
		"directory": func() error { return os.MkdirAll(graceFile, 0o755) },
		"link": func() error {
			return errors.Join(os.MkdirAll("/run/cni", 0o755), os.WriteFile("/run/target", nil, 0o600),
				os.Symlink("/run/target", graceFile), os.Lchown(graceFile, 1000, 1000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			err := n.Do(func() error {
				if err := errors.Join(prepare(), chains("a")); err != nil {
					return err
				}
				c, err := deleteChain("a")
				if err == nil {
					c.Close()
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}
