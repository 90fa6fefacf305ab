package portmap

import (
	"os"
	"os/exec"
	"testing"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/ns"
)

// Who gives ports to others has nothing to give any longer where the table is flushed meanwhile.
func TestFlushedMeanwhile(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	space, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer space.Close()
	err = space.Do(func(ns.NetNS) error {
		err := nft.With(func(c *nft.Conn) error { return change(c, (*changes).addSkeleton) })
		if err != nil {
			return err
		}
		looks := 0
		err = withTable(func(x *changes) error {
			if looks++; looks == 1 {
				if err := exec.Command("nft", "flush", "ruleset").Run(); err != nil {
					return err
				}
			}
			f := families()[0]
			x.tx.AddSet(table(), nft.Set{Name: "masquerade4_24", Key: []nft.Type{f.addrType(), f.addrType()}})
			return nil
		})
		if looks != 1 {
			t.Errorf("looked %d times", looks)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
