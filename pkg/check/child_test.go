package check

import (
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
)

// Each difference of an interface that is on another one must be found.
func TestCompareChild(t *testing.T) {
	t.Parallel()
	host, container := newNamespace(t), newNamespace(t)
	master, _, err := link.AddVeth(host, host, link.Veth{Name: "peer", HostName: "master"})
	if err != nil {
		t.Fatal(err)
	}
	described := &link.Macvlan{Macvlan: netlink.Macvlan{Mode: netlink.MACVLAN_MODE_VEPA}}
	described.Name, described.ParentIndex, described.NumTxQueues, described.NumRxQueues = "eth0", master.Attrs().Index, 2, 3
	if _, err := host.AddChild(container, described); err != nil {
		t.Fatal(err)
	}
	lower, err := container.Below(host, master, "macvlan")
	if err != nil {
		t.Fatal(err)
	}
	expect := func(change func(*Expect)) Expect {
		e := Expect{
			Name: "eth0", Kind: "macvlan", Down: true, TxQueues: 2, RxQueues: 3,
			Options: link.Options(described), Master: &Master{"master", lower},
		}
		change(&e)
		return e
	}
	for _, test := range []struct {
		name   string
		change func(*Expect)
		want   string
	}{
		{"nothing", func(e *Expect) {}, ""},
		{"mode", func(e *Expect) { e.Options = map[string]string{"mode": "bridge"} }, `interface eth0 has mode "vepa", expected "bridge"`},
		{"kind", func(e *Expect) { e.Kind, e.Options = "vlan", map[string]string{"id": "7"} }, "interface eth0 has kind macvlan, expected vlan"},
		{"transmit queues", func(e *Expect) { e.TxQueues = 1 }, "interface eth0 has transmit queues 2, expected 1"},
		{"receive queues", func(e *Expect) { e.RxQueues = 1 }, "interface eth0 has receive queues 3, expected 1"},
		{"master", func(e *Expect) { e.Master.Index++ }, "interface eth0 is not on master master"},
		{"namespace", func(e *Expect) { e.Master.NetNsID = -1 }, "interface eth0 is not on master master"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := expect(func(e *Expect) {
				master := *e.Master
				e.Master = &master
				test.change(e)
			}).Compare(container)
			if got := errorText(err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
