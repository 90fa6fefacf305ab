package link

import (
	"errors"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// Kinds that the kernel does not have are told from those that it has, and asking
// makes nothing.
func TestSupports(t *testing.T) {
	t.Parallel()
	err := node.New(t).Do(func() error {
		n, err := Host()
		if err != nil {
			return err
		}
		defer n.Close()
		err = errors.Join(n.Supports("macvlan"), n.Supports("veth"))
		for range 2 {
			if lacking := n.Supports("nosuch"); lacking == nil || lacking.Error() != "the kernel lacks nosuch" {
				t.Errorf("got %v", lacking)
			}
		}
		expectLinks(t, n)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
