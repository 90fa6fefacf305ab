package link

import (
	"errors"
	"net"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestAddIFB(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 7}
	expect := func(made netlink.Link, name, alias string) {
		t.Helper()
		l, err := n.LinkByIndex(made.Attrs().Index)
		if err != nil {
			t.Fatal(err)
		}
		a := l.Attrs()
		if a.Name != name || made.Attrs().Name != name || a.Alias != alias || a.HardwareAddr.String() != mac.String() ||
			a.MTU != 9000 || a.TxQLen != 0 || a.Flags&net.FlagUp == 0 {
			t.Errorf("got %+v", a)
		}
	}
	one, err := n.AddIFB(IFB{Name: "ifb", Spare: "spare1", Alias: "one's", MAC: mac, MTU: 9000})
	if err != nil {
		t.Fatal(err)
	}
	expect(one, "ifb", "one's")
	other, err := n.AddIFB(IFB{Name: "ifb", Spare: "spare2", Alias: "other's", MAC: mac, MTU: 9000})
	if err != nil {
		t.Fatal(err)
	}
	expect(other, "spare2", "other's")
	if _, err := n.AddIFB(IFB{Name: "ifb", Spare: "spare2"}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("both names are taken: %v", err)
	}
	third, err := n.AddIFB(IFB{Name: "third", Spare: "spare2"})
	if err != nil || third.Attrs().Name != "third" {
		t.Errorf("got %v, %v", third, err)
	}
	expectLinks(t, n, "ifb", "spare2", "third")
}
