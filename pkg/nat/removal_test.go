package nat

import (
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
)

// Two that go at once, each of which has found the other one still there, leave nothing of what
// they have shared: neither the chain of a container's interfaces, nor those of networks that are
// excluded.
func TestRemovalsAtOnce(t *testing.T) {
	one := owner.Attachment{Network: "net", ContainerID: "one", IfName: "eth0"}
	net1, two := one, one
	net1.IfName, two.ContainerID = "net1", "two"
	var many, own []*net.IPNet // so many that there is a tree of chains
	for i := range 20 {
		many = append(many, &net.IPNet{IP: net.IP{192, 168, byte(2 * i), 0}, Mask: net.CIDRMask(24, 32)})
		own = append(own, &net.IPNet{IP: net.IP{10, 88, 0, byte(2 + i)}, Mask: net.CIDRMask(16, 32)})
	}
	for name, other := range map[string]owner.Attachment{"interfaces": net1, "containers": two} {
		t.Run(name, func(t *testing.T) {
			err := node.New(t).Do(func() error {
				m, o := viaIPTables{}, Options{Exclude: many}
				if err := errors.Join(m.Add(one, own[:1], o), m.Add(other, own[1:2], o)); err != nil {
					return err
				}
				c, err := nft.Dial()
				if err != nil {
					return err
				}
				defer c.Close()
				both := []*removal{removalOf(one, own[:1]), removalOf(other, own[1:2])}
				looked := []*nft.Transaction{{}, {}}
				for i, r := range both {
					err = errors.Join(err, r.NFT(c, looked[i]))
				}
				for i, r := range both {
					err = errors.Join(err, c.Apply(looked[i]), r.settle())
				}
				if err != nil {
					return err
				}
				left, err := exec.Command("iptables-nft-save", "-t", "nat").Output()
				if strings.Contains(string(left), "CNI-") {
					t.Errorf("left:\n%s", left)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// What others have in the legacy variant, whose tools this node lacks, keeps GC from nothing.
func TestGCBesideLegacy(t *testing.T) {
	empty := t.TempDir()
	err := node.New(t).Do(func() error {
		if out, err := exec.Command("iptables-legacy", "-t", "nat", "-A", "POSTROUTING", "-s", "192.0.2.1", "-j", "RETURN").CombinedOutput(); err != nil {
			t.Logf("%s", out)
			return err
		}
		if err := unix.Mount(empty, "/usr/sbin", "", unix.MS_BIND, ""); err != nil {
			return err
		}
		found, err := Holdings()
		if len(found) > 0 {
			t.Errorf("found %v", found)
		}
		return errors.Join(err, GC("net", nil))
	})
	if err != nil {
		t.Error(err)
	}
}
