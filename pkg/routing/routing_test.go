package routing

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
)

func TestFreeTable(t *testing.T) {
	t.Parallel()
	tables := func(from, to int) []int {
		var list []int
		for table := from; table <= to; table++ {
			list = append(list, table)
		}
		return list
	}
	for _, test := range []struct {
		rules, routes, vrfs []int
		from, want          int
	}{
		{from: 1, want: 1},
		{from: 100, want: 100},
		{from: 1, want: 4, vrfs: []int{1, 2, 3, 5}},
		{from: 1, want: 4, rules: []int{1, 5}, routes: []int{2, 254}, vrfs: []int{3}},
		{from: 1, want: 256, routes: tables(1, 251)},
		{from: 1, want: 1000, vrfs: tables(1, 999)},
		{from: 100, want: 102, rules: []int{100}, routes: []int{101}},
		{from: MaxTable, want: 0, routes: []int{MaxTable}},
	} {
		v := View{vrfs: test.vrfs}
		for _, table := range test.rules {
			v.Rules = append(v.Rules, netlink.Rule{Table: table})
		}
		for _, table := range test.routes {
			v.Routes = append(v.Routes, netlink.Route{Table: table})
		}
		got, err := v.FreeTable(test.from)
		if got != test.want || (err == nil) != (test.want != 0) {
			t.Errorf("%+v: got %d, %v", test, got, err)
		}
	}
}

func network(t testing.TB, cidr string) *net.IPNet {
	t.Helper()
	address, subnet, err := net.ParseCIDR(cidr)
	if err != nil {
		t.Fatal(err)
	}
	return &net.IPNet{IP: address, Mask: subnet.Mask}
}

// inNamespace runs a test in a new namespace with the interfaces one and two, which
// have addresses 10.0.0.2/24 and 10.0.1.2/24, fd00::2/64 and fd00:0:0:1::2/64.
func inNamespace(t *testing.T, test func(n *link.Namespace, a, b netlink.Link) error) {
	t.Helper()
	host := node.New(t)
	c := host.Container(t, "c")
	c.Exec(t, "sh", "-ec", `ip -batch - <<END
link add one type veth peer name one-up
link add two type veth peer name two-up
link set one addrgenmode none
link set one up
link set two addrgenmode none
link set two up
link set one-up addrgenmode none
link set one-up up
link set two-up addrgenmode none
link set two-up up
addr add 10.0.0.2/24 dev one
addr add 10.0.1.2/24 dev two
addr add fd00::2/64 dev one nodad
addr add fd00:0:0:1::2/64 dev two nodad
END`)
	err := host.Do(func() error {
		n, err := link.Open(c.Path)
		if err != nil {
			return err
		}
		defer n.Close()
		a, errA := n.LinkByName("one")
		b, errB := n.LinkByName("two")
		if err := errors.Join(errA, errB); err != nil {
			return err
		}
		if err := errors.Join(n.AwaitUp(t.Context(), a), n.AwaitUp(t.Context(), b)); err != nil {
			return err
		}
		return test(n, a, b)
	})
	if err != nil {
		t.Error(err)
	}
}

// lines are the rules and routes of a namespace, sorted, but for the table of
// local addresses, which the kernel fills some time after them.
func lines(n *link.Namespace) ([]string, error) {
	v, err := Look(n)
	var list []string
	for _, r := range v.Rules {
		list = append(list, fmt.Sprint("rule ", r.Family, r.Src, r.Table, r.Protocol))
	}
	for _, r := range v.Routes {
		if r.Table != unix.RT_TABLE_LOCAL {
			list = append(list, "route "+Route(r).key())
		}
	}
	slices.Sort(list)
	return list, err
}

// What is taken from a table, hop by hop, comes back as it was.
func TestShare(t *testing.T) {
	t.Parallel()
	inNamespace(t, func(n *link.Namespace, a, b netlink.Link) error {
		hop := func(l netlink.Link, gateway string, weight int) *netlink.NexthopInfo {
			return &netlink.NexthopInfo{LinkIndex: l.Attrs().Index, Gw: net.ParseIP(gateway), Hops: weight}
		}
		for _, r := range []netlink.Route{
			{Dst: network(t, "0.0.0.0/0"), MultiPath: []*netlink.NexthopInfo{hop(a, "10.0.0.1", 0), hop(b, "10.0.1.1", 2), hop(b, "10.0.1.3", 0)}},
			{Dst: network(t, "::/0"), MultiPath: []*netlink.NexthopInfo{hop(a, "fd00::1", 0), hop(b, "fd00:0:0:1::1", 2), hop(b, "fd00:0:0:1::3", 0)}},
			{Dst: network(t, "192.0.2.0/24"), Gw: net.ParseIP("10.0.1.1"), MTU: 1300, Priority: 7},
			{Dst: network(t, "192.0.3.0/24"), Via: &netlink.Via{AddrFamily: netlink.FAMILY_V6, Addr: net.ParseIP("fd00:0:0:1::1")}, LinkIndex: b.Attrs().Index},
			{Dst: network(t, "192.0.4.0/24"), LinkIndex: a.Attrs().Index, Scope: netlink.SCOPE_LINK},
			{Dst: network(t, "192.0.5.0/24"), Type: unix.RTN_BLACKHOLE},
		} {
			if err := n.RouteAdd(&r); err != nil {
				return fmt.Errorf("add %v: %w", r, err)
			}
		}
		before, err := lines(n)
		if err != nil {
			return err
		}
		view, err := Look(n)
		if err != nil {
			return err
		}
		own, change := view.Share(b.Attrs().Index, unix.RT_TABLE_MAIN)
		// Of IPv4: a default route with two hops, the subnet, and two others. Of
		// IPv6: two default routes, and the subnet.
		if len(own) != 7 || len(change.Gone) != 7 || len(change.Routes) != 1 {
			t.Errorf("share %v, change %+v", own, change)
		}
		for _, r := range own {
			r.Table = 1000
			change.Routes = append(change.Routes, Route(r))
		}
		change.Rules = []Rule{{network(t, "10.0.1.2/32"), 1000, Protocol}, {network(t, "fd00:0:0:1::2/128"), 1000, Protocol}}
		text, err := json.Marshal(change)
		if err != nil {
			return err
		}
		var read Change
		if err := json.Unmarshal(text, &read); err != nil {
			return err
		}
		if diff := cmp.Diff(change, read); diff != "" {
			t.Errorf("as JSON (-want +got):\n%s", diff)
		}
		return applyAndRevert(t, n, read, b.Attrs().Index, before)
	})
}

func applyAndRevert(t *testing.T, n *link.Namespace, change Change, index int, before []string) error {
	t.Helper()
	for range 2 {
		if err := change.Apply(n); err != nil {
			return err
		}
		view, err := Look(n)
		if err != nil {
			return err
		}
		if missing := change.Missing(view); len(missing) > 0 {
			t.Errorf("after Apply: %v", missing)
		}
		if left, _ := view.Share(index, unix.RT_TABLE_MAIN); len(left) > 0 {
			t.Errorf("still in the main table: %v", left)
		}
		// A Revert that was cut off has put routes back beside what is left of them.
		for _, r := range inOrder(change.Gone) {
			if err := appendRoute(n, r); err != nil {
				return err
			}
		}
		if err := (Change{Routes: change.Routes, Gone: change.Gone}).Apply(n); err != nil {
			return err
		}
		if view, err = Look(n); err != nil {
			return err
		}
		if missing := change.Missing(view); len(missing) > 0 {
			t.Errorf("after another Apply: %v", missing)
		}
		for range 2 {
			if err := change.Revert(n); err != nil {
				return err
			}
			after, err := lines(n)
			if diff := cmp.Diff(before, after); diff != "" || err != nil {
				t.Errorf("after Revert (-want +got): %v\n%s", err, diff)
			}
		}
		if view, err = Look(n); err != nil {
			return err
		}
		if missing := change.Missing(view); len(missing) != len(change.Rules)+len(change.Routes)+len(change.Gone) {
			t.Errorf("after Revert only %v is missing", missing)
		}
	}
	return nil
}

// A rule that has more conditions is somebody else's, though the kernel would take it first.
func TestRevertBesideOtherRule(t *testing.T) {
	t.Parallel()
	inNamespace(t, func(n *link.Namespace, _, _ netlink.Link) error {
		change := Change{Rules: []Rule{{network(t, "10.0.1.2/32"), 1000, Protocol}}}
		if err := change.Apply(n); err != nil {
			return err
		}
		other := change.Rules[0].rule()
		other.Protocol, other.Mark, other.Priority = unix.RTPROT_STATIC, 5, 100
		if err := n.RuleAdd(other); err != nil {
			return err
		}
		if err := change.Revert(n); err != nil {
			return err
		}
		rules, err := n.RuleList(netlink.FAMILY_V4)
		var left []string
		for _, r := range rules {
			if r.Table == 1000 {
				left = append(left, fmt.Sprint(r.Src, " mark ", r.Mark))
			}
		}
		if diff := cmp.Diff([]string{"10.0.1.2/32 mark 5"}, left); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
		return err
	})
}

// What no longer fits the interface is no reason for a DEL to fail.
func TestRevertObsolete(t *testing.T) {
	t.Parallel()
	inNamespace(t, func(n *link.Namespace, _, b netlink.Link) error {
		view, err := Look(n)
		if err != nil {
			return err
		}
		own, change := view.Share(b.Attrs().Index, unix.RT_TABLE_MAIN)
		for _, r := range own {
			r.Table = 1000
			change.Routes = append(change.Routes, Route(r))
		}
		if err := change.Apply(n); err != nil {
			return err
		}
		if err := n.AddrDel(b, &netlink.Addr{IPNet: network(t, "10.0.1.2/24")}); err != nil {
			return err
		}
		if err := change.Revert(n); err != nil {
			t.Errorf("without the address: %v", err)
		}
		if err := n.LinkSetDown(b); err != nil {
			return err
		}
		if err := change.Revert(n); err != nil {
			t.Errorf("of an interface that is down: %v", err)
		}
		if err := n.LinkDel(b); err != nil {
			return err
		}
		if err := change.Revert(n); err != nil {
			t.Errorf("of an interface that is gone: %v", err)
		}
		return nil
	})
}

// One works on a namespace at a time, however many others are worked on.
func TestWithin(t *testing.T) {
	t.Parallel()
	host := node.New(t)
	one, other := host.Container(t, "one"), host.Container(t, "other")
	var inside atomic.Int32
	var running sync.WaitGroup
	for range 20 {
		running.Go(func() {
			err := host.Do(func() error {
				return Within(one.Path, func(*link.Namespace) error {
					if inside.Add(1) > 1 {
						t.Error("two at once")
					}
					defer inside.Add(-1)
					return host.Do(func() error {
						return Within(other.Path, func(*link.Namespace) error { return nil })
					})
				})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
}

func TestRecords(t *testing.T) {
	t.Parallel()
	err := node.New(t).Do(func() error {
		n, err := link.Host()
		if err != nil {
			return err
		}
		defer n.Close()
		lo, err := n.LinkByName("lo")
		if err != nil {
			return err
		}
		record, err := NewRecord(n, lo, owner.Attachment{})
		if err != nil {
			return err
		}
		const records = Records("test")
		attachments := []owner.Attachment{
			{Network: "net", ContainerID: "a", IfName: "eth0"}, {Network: "net", ContainerID: "a", IfName: "eth1"},
			{Network: "other", ContainerID: "a", IfName: "eth0"},
		}
		var released []owner.Attachment
		collect := func(r Records, network string, valid ...owner.Attachment) error {
			return r.Collect(network, valid, func(_ *link.Namespace, a owner.Attachment) error {
				released = append(released, a)
				return nil
			})
		}
		left := func() (list []int) {
			for i, a := range attachments {
				var r Record
				found, err := records.Read(n, a, &r)
				if err != nil || found && r.Link != i {
					t.Errorf("%v: %+v, %v", a, r, err)
				}
				if found {
					list = append(list, i)
				}
			}
			return list
		}
		if err := errors.Join(collect(records, "net"), records.Remove(attachments[0]), records.Writable()); err != nil {
			return err
		}
		for i, a := range attachments {
			record.Link, record.Attachment = i, a
			if err := records.Write(a, record); err != nil {
				return err
			}
		}
		for _, step := range []struct {
			do   func() error
			want []int
		}{
			{func() error { return nil }, []int{0, 1, 2}},
			{func() error { return collect("tes", "net") }, []int{0, 1, 2}},
			{func() error { return collect(records, "net", attachments[0]) }, []int{0, 2}},
			{func() error { return records.Remove(attachments[0]) }, []int{2}},
			{func() error { return collect(records, "other") }, nil},
			{func() error {
				return records.Write(attachments[0], Record{Attachment: attachments[0], Netns: "/run/netns/missing"})
			}, nil},
			{func() error { return collect(records, "net") }, nil},
			{func() error { return records.Write(attachments[0], Record{Namespace: record.Namespace + 1}) }, nil},
			{func() error { return records.Write(attachments[0], "nonsense") }, nil},
		} {
			if err := step.do(); err != nil {
				return err
			}
			if got := left(); !slices.Equal(got, step.want) {
				t.Errorf("left %v, want %v", got, step.want)
			}
		}
		if !slices.Equal(released, attachments[1:]) {
			t.Errorf("released %v, want %v", released, attachments[1:])
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A record that somebody has damaged is as good as none, and never a panic.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"namespace": 1, "link": 2, "change": {"routes": [{"Dst": {"IP": "10.0.0.0", "Mask": "////AA=="}, "Via": {"AddrFamily": 10, "Addr": "::1"}}]}}`))
	f.Add([]byte(`{"change": {"gone": [{}, null], "rules": [{"Src": null}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var r Record
		if json.Unmarshal(text, &r) != nil {
			return
		}
		for _, route := range slices.Concat(r.Change.Routes, r.Change.Gone) {
			_, _, _ = route.key(), route.String(), route.depth()
		}
	})
}
