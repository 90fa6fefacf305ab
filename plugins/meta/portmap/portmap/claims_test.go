package portmap

import (
	"errors"
	"fmt"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/owner"
)

// Of two DELs at once, the second one finds the record gone, and takes no claim of others.
func TestRemoveTwice(t *testing.T) {
	t.Parallel()
	of := func(id string) *forward {
		a := owner.Attachment{Network: "net", ContainerID: id, IfName: "eth0"}
		return &forward{
			Attachment: a, Backend: backendNFTables, Chain: chains(a)[0], Addresses: []string{"10.0.0.2/24"},
			Mappings: []mapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
		}
	}
	one, two := of("one"), of("two")
	err := node.New(t).Do(func() error {
		for _, f := range []*forward{one, two} {
			if err := locked(func() error { return errors.Join(claim(f, nil), f.write()) }); err != nil {
				return err
			}
		}
		if err := errors.Join(one.remove(), one.remove()); err != nil {
			return err
		}
		others, err := of("three").contenders(nil)
		if err == nil && (len(others) != 1 || others[0].Attachment != two.Attachment) {
			err = fmt.Errorf("who wants the port: %v", others)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
