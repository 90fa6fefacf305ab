package tuning

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/ns"
)

// onVeth runs a test on one end of a veth pair, eth0.1, in a namespace of its own.
func onVeth(t *testing.T, test func(*device) error) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	space, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer space.Close()
	err = space.Do(func(ns.NetNS) error {
		if err := node.SetSysctls(); err != nil {
			return err
		}
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0.1"}, PeerName: "eth0"})
	})
	if err == nil {
		err = onDevice(space.Path(), "eth0.1", test)
	}
	if err != nil {
		t.Error(err)
	}
}

// value returns a parameter's value in the namespace of the calling thread.
func value(t *testing.T, path string) string {
	t.Helper()
	value, err := sysctl{Name: path}.read()
	if err != nil {
		t.Error(err)
	}
	return value
}

// All that is wanted is there then, and what was there before again.
func TestSettings(t *testing.T) {
	yes, queue := true, 7
	want := settings{
		attributes: attributes{MAC: "02-00-00-00-00-0A", Promisc: &yes, MTU: 1400, AllMulti: &yes, TxQLen: &queue},
		Sysctls:    []sysctl{{"net/ipv4/conf/eth0.1/log_martians", "0x1"}, {"net/ipv4/tcp_rmem", "4096 100000  5000000"}},
		Offloads:   map[string]bool{"tso": false, "tx-checksum": false, "rx-gro-list": true},
	}
	onVeth(t, func(d *device) error {
		before, err := d.read(want)
		if err != nil {
			return err
		}
		if len(before.Offloads) < 3 || !before.Offloads["tx-tcp-segmentation"] || before.Offloads["rx-gro-list"] {
			t.Errorf("offloads before: %v", before.Offloads)
		}
		if err := d.compare(before); err != nil {
			t.Errorf("before: %v", err)
		}
		if err := d.compare(want); err == nil {
			t.Error("nothing to be set")
		}
		if err := d.apply(want); err != nil {
			return err
		}
		if err := d.compare(want); err != nil {
			t.Errorf("after: %v", err)
		}
		if err := d.restore(before, false); err != nil {
			return err
		}
		after, err := d.read(want)
		if err != nil {
			return err
		}
		if !after.attributes.equal(before.attributes) {
			t.Errorf("restored %+v, want %+v", after.attributes, before.attributes)
		}
		return d.compare(before)
	})
}

// CHECK tells each difference, all in one error.
func TestCompare(t *testing.T) {
	yes, queue := true, 7
	onVeth(t, func(d *device) error {
		if err := d.SetHardwareAddr([]byte{2, 0, 0, 0, 0, 1}); err != nil {
			return err
		}
		err := d.compare(settings{
			attributes: attributes{MAC: "02:00:00:00:00:02", Promisc: &yes, MTU: 1400, AllMulti: &yes, TxQLen: &queue},
			Sysctls:    []sysctl{{"net/ipv4/conf/eth0.1/forwarding", "1"}},
			Offloads:   map[string]bool{"tso": false, "no-such-feature": true},
		})
		const want = `interface eth0.1 has MAC address 02:00:00:00:00:01, expected 02:00:00:00:00:02; ` +
			`interface eth0.1 has promiscuous mode false, expected true; ` +
			`interface eth0.1 has MTU 1500, expected 1400; ` +
			`interface eth0.1 has all-multicast mode false, expected true; ` +
			`interface eth0.1 has transmit queue length 0, expected 7; ` +
			`sysctl net.ipv4.conf.eth0/1.forwarding is "0", expected "1"; ` +
			`interface eth0.1 has offload no-such-feature off, expected on; ` +
			`interface eth0.1 has offload tso on, expected off`
		if err == nil || err.Error() != want {
			t.Errorf("got\n%v, want\n%s", err, want)
		}
		return nil
	})
}

// The kernel tells which dots separate.
func TestResolve(t *testing.T) {
	onVeth(t, func(*device) error {
		for name, want := range map[string]string{
			"net.ipv4.conf.IFNAME.forwarding": "net/ipv4/conf/eth0.1/forwarding",
			"net/ipv4/conf/IFNAME/forwarding": "net/ipv4/conf/eth0.1/forwarding",
			"net.ipv4.conf.eth0.1.forwarding": "net/ipv4/conf/eth0.1/forwarding",
			"net/ipv4/conf/eth0.1/forwarding": "net/ipv4/conf/eth0.1/forwarding",
			"net.ipv4.conf.eth0/1.forwarding": "net/ipv4/conf/eth0.1/forwarding",
			"net.ipv4.conf.eth0.forwarding":   "net/ipv4/conf/eth0/forwarding",
			"/net.ipv4/conf.all/forwarding":   "net/ipv4/conf/all/forwarding",
			"net.ipv4.conf.eth1.1.forwarding": "net/ipv4/conf/eth1/1/forwarding",
			"net.core.IFNAME.IFNAME":          "net/core/eth0.1/IFNAME",
		} {
			if have := resolve(name, "eth0.1"); have != want {
				t.Errorf("%s is %s, want %s", name, have, want)
			}
		}
		s := settings{Sysctls: []sysctl{{"net.ipv4.ip_forward", "0"}, {"net.core.somaxconn", "5"}, {"net/ipv4/ip_forward", "1"}}}
		if err := s.resolve("eth0.1", nil); err != nil {
			return err
		}
		if len(s.Sysctls) != 2 || s.Sysctls[0] != (sysctl{"net/ipv4/ip_forward", "1"}) {
			t.Errorf("resolved %v", s.Sysctls)
		}
		return nil
	})
}

// What the kernel changes along with a parameter is put back as well.
func TestFollowers(t *testing.T) {
	onVeth(t, func(d *device) error {
		odd := sysctl{"net/ipv4/conf/eth0/forwarding", "1"}
		if err := odd.write(); err != nil {
			return err
		}
		for _, name := range []string{"net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding"} {
			want := settings{Sysctls: []sysctl{{"net/ipv4/conf/lo/forwarding", "1"}, {name, "1"}}}
			before, err := d.read(want)
			if err != nil {
				return err
			}
			redirects := value(t, "net/ipv4/conf/all/accept_redirects")
			if err := d.apply(want); err != nil {
				return err
			}
			if have := value(t, "net/ipv4/conf/eth0.1/forwarding"); have != "1" {
				t.Errorf("%s does not set that of each interface", name)
			}
			if err := d.restore(before, false); err != nil {
				return err
			}
			for path, want := range map[string]string{
				odd.Name: "1", "net/ipv4/ip_forward": "0", "net/ipv4/conf/eth0.1/forwarding": "0", "net/ipv4/conf/lo/forwarding": "0",
				"net/ipv4/conf/default/forwarding": "0", "net/ipv4/conf/all/accept_redirects": redirects,
			} {
				if have := value(t, path); have != want {
					t.Errorf("%s: %s is %s then, want %s", name, path, have, want)
				}
			}
		}
		return nil
	})
}

// What stops forwarding on all interfaces stops what made one of them forward, and that comes back.
func TestForceForwarding(t *testing.T) {
	onVeth(t, func(d *device) error {
		forced := sysctl{"net/ipv6/conf/eth0.1/force_forwarding", "1"}
		if err := forced.write(); errors.Is(err, fs.ErrNotExist) {
			t.Skip("kernel lacks force_forwarding")
		} else if err != nil {
			return err
		}
		for _, name := range []string{"net/ipv6/conf/all/forwarding", "net/ipv6/conf/all/force_forwarding"} {
			want := settings{Sysctls: []sysctl{{name, "1"}}}
			before, err := d.read(want)
			if err != nil {
				return err
			}
			if err := d.apply(want); err != nil {
				return err
			}
			if err := d.restore(before, false); err != nil {
				return err
			}
			if have, other := value(t, forced.Name), value(t, "net/ipv6/conf/eth0/force_forwarding"); have != "1" || other != "0" {
				t.Errorf("%s: %s is %s then, that of another interface %s", name, forced.Name, have, other)
			}
		}
		return nil
	})
}

// Values that are not there before, that are none, and that the kernel writes in another way.
func TestUnusualValues(t *testing.T) {
	onVeth(t, func(d *device) error {
		const ports, secret, mode = "net/ipv4/ip_local_reserved_ports", "net/ipv6/conf/eth0.1/stable_secret", "net/ipv6/conf/eth0.1/addr_gen_mode"
		if err := d.compare(settings{Sysctls: []sysctl{{secret, "2001:db8::1"}}}); err == nil {
			t.Error("a secret that is not set is the right one")
		}
		for _, want := range []settings{
			{Sysctls: []sysctl{{ports, "9000,8081-8090,8080"}, {secret, "2001:db8::1"}}},
			{Sysctls: []sysctl{{ports, "7"}}},
		} {
			before, err := d.read(want)
			if err != nil {
				return err
			}
			if err := errors.Join(d.apply(want), d.compare(want), d.restore(before, false)); err != nil {
				return err
			}
			if have := value(t, ports) + " " + value(t, mode); have != " 0" {
				t.Errorf("left: %q", have)
			}
		}
		// An empty value over another one, and that one again.
		five, none := sysctl{ports, "5"}, settings{Sysctls: []sysctl{{ports, ""}}}
		if err := five.write(); err != nil {
			return err
		}
		before, err := d.read(none)
		if err != nil {
			return err
		}
		if err := errors.Join(d.apply(none), d.compare(none), d.restore(before, false)); err != nil {
			return err
		}
		if have := value(t, ports); have != "5" {
			t.Errorf("not put back: %q", have)
		}
		return nil
	})
}

// A parameter that can only be written is written, and that is all.
func TestWriteOnly(t *testing.T) {
	want := settings{Sysctls: []sysctl{{"net/ipv4/route/flush", "1"}}}
	onVeth(t, func(d *device) error {
		before, err := d.read(want)
		if err != nil || len(before.Sysctls) > 0 {
			t.Errorf("read %v: %v", before.Sysctls, err)
		}
		if err := d.apply(want); err != nil {
			return err
		}
		return d.compare(want)
	})
}

// What the kernel takes no longer does not keep the rest from being put back, nor
// DEL from its end.
func TestRefusal(t *testing.T) {
	onVeth(t, func(d *device) error {
		queue := 5
		was := settings{
			attributes: attributes{MAC: "01:00:00:00:00:01", MTU: 1, TxQLen: &queue},
			Sysctls:    []sysctl{{"net/ipv4/conf/gone/forwarding", "1"}, {"net/ipv4/ip_forward", "1"}, {"net/ipv4/conf/lo/forwarding", "many"}},
			Offloads:   map[string]bool{"no-such-feature": true, "tx-tcp-segmentation": false},
		}
		if err := d.restore(was, false); err != nil {
			return err
		}
		was.Sysctls = nil
		have, err := d.read(was)
		if err != nil {
			return err
		}
		if *have.TxQLen != 5 || have.Offloads["tx-tcp-segmentation"] || value(t, "net/ipv4/ip_forward") != "1" {
			t.Errorf("not all is put back: %+v", have)
		}
		return nil
	})
	if err := sysctl.restore(sysctl{Name: "net/ipv4/conf/gone/forwarding"}); err != nil {
		t.Errorf("a parameter that is gone: %v", err)
	}
}

// An ADD fails with what the kernel does not take.
func TestApplyErrors(t *testing.T) {
	onVeth(t, func(d *device) error {
		for want, s := range map[string]settings{
			`set MTU of "eth0.1" to 1: invalid argument`:                                        {attributes: attributes{MTU: 1}},
			`set MAC address of "eth0.1" to 01:00:00:00:00:01: cannot assign requested address`: {attributes: attributes{MAC: "01:00:00:00:00:01"}},
			`set MAC address of "eth0.1" to 02:00:00:00:00:00:00:01: invalid argument`:          {attributes: attributes{MAC: "02:00:00:00:00:00:00:01"}},
			`open /proc/sys/net/no/such: no such file or directory`:                             {Sysctls: []sysctl{{"net/no/such", "1"}}},
			`write /proc/sys/net/ipv4/ip_forward: invalid argument`:                             {Sysctls: []sysctl{{"net/ipv4/ip_forward", "many"}}},
			`interface eth0.1 has offload no-such-feature off, expected on`:                     {Offloads: map[string]bool{"no-such-feature": true}},
			`interface eth0.1 has offload tx-tcp-segmentation off, expected on`:                 {Offloads: map[string]bool{"tx-tcp-segmentation": true, "tx": false}},
			`offloads contradict each other about tx-tcp-segmentation of "eth0.1"`:              {Offloads: map[string]bool{"tso": true, "tx-tcp-segmentation": false}},
		} {
			if err := d.apply(s); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
		return nil
	})
}

// Without an interface there are sysctls all the same.
func TestNoInterface(t *testing.T) {
	onVeth(t, func(eth *device) error {
		return onDevice("/proc/thread-self/ns/net", "missing", func(d *device) error {
			if d.id.Index != 0 || d.id.Netns != eth.id.Netns || eth.id.Index == 0 || eth.id.Netns == 0 {
				t.Errorf("identity %+v, that of another interface %+v", d.id, eth.id)
			}
			if _, err := d.read(settings{Sysctls: []sysctl{{"net/ipv4/ip_forward", "1"}}}); err != nil {
				t.Error(err)
			}
			for _, want := range []settings{{attributes: attributes{MTU: 1400}}, {Offloads: map[string]bool{"tso": true}}} {
				if _, err := d.read(want); err == nil {
					t.Errorf("%+v is read", want)
				}
				if err := d.compare(want); err == nil {
					t.Errorf("%+v is there", want)
				}
				if err := d.restore(want, false); err != nil {
					t.Errorf("restore %+v: %v", want, err)
				}
			}
			return nil
		})
	})
}

// lo has an address of zeros, which the kernel reports and does not take.
func TestZeroMAC(t *testing.T) {
	onVeth(t, func(d *device) error {
		return onDevice("/proc/thread-self/ns/net", "lo", func(lo *device) error {
			have, err := lo.read(settings{attributes: attributes{MAC: "02:00:00:00:00:01"}})
			if err != nil || have.MAC != "" {
				t.Errorf("address of lo is %s: %v", have.MAC, err)
			}
			return nil
		})
	})
}

func TestSameValue(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"1", "0x1", true}, {"4096\t5", " 4096  5 ", true}, {"cubic", "cubic", true}, {"", "", true},
		{"2001:db8::1", "2001:0db8:0000:0000:0000:0000:0000:0001", true}, {"2001:db8::1", "2001:db8::2", false},
		{"8080,8000-8010", "8000-8010,8080", true}, {"1-2,3", "1-3", true}, {"1-2", "1-3", false}, {"1-x", "1-y", false}, {"2-1", "2-1", true},
		{"1", "2", false}, {"1", "1 1", false}, {"cubic", "reno", false}, {"a", "0", false},
	} {
		if sameValue(test.a, test.b) != test.want {
			t.Errorf("%q and %q: %v", test.a, test.b, !test.want)
		}
	}
}

func TestIsRefusal(t *testing.T) {
	for err, want := range map[error]bool{unix.EINVAL: true, unix.ENOMEM: false, nil: false} {
		if isRefusal(err) != want {
			t.Errorf("%v: %v", err, !want)
		}
	}
}
