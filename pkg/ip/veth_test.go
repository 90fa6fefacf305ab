package ip_test

import (
	"crypto/rand"
	"io"
	"net"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/testutils"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// randomly makes reader the source of random names for the test, which must
// not run in parallel.
func randomly(t *testing.T, reader io.Reader) {
	before := rand.Reader
	rand.Reader = reader
	t.Cleanup(func() { rand.Reader = before })
}

// digits is a source that repeats itself: the same four bytes times times, then
// the next.
type digits struct{ read, times int }

func (d *digits) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(d.read / d.times)
	}
	d.read++
	return len(b), nil
}

func TestRandomVethName(t *testing.T) {
	form := regexp.MustCompile(`^veth[0-9a-f]{8}$`)
	seen := map[string]bool{}
	for range 100 {
		name, err := ip.RandomVethName()
		must(t, err)
		if !form.MatchString(name) {
			t.Errorf("name %s", name)
		}
		seen[name] = true
	}
	if len(seen) < 99 {
		t.Errorf("%d names out of 100 are different", len(seen))
	}
	randomly(t, &testutils.BadReader{})
	_, err := ip.RandomVethName()
	wantText(t, err, "failed to generate random veth name: banana")
}

// setup calls SetupVethWithName inside container and checks what it made.
func setup(t *testing.T, host, container ns.NetNS, name, hostName string, mtu int, mac string) {
	t.Helper()
	var hostEnd, containerEnd net.Interface
	in(t, container, func() {
		var err error
		hostEnd, containerEnd, err = ip.SetupVethWithName(name, hostName, mtu, mac, host)
		must(t, err)
		l := link(t, name)
		if a := l.Attrs(); a.Index != containerEnd.Index || a.MTU != mtu || a.HardwareAddr.String() != containerEnd.HardwareAddr.String() {
			t.Errorf("container: %+v is %+v", containerEnd, a)
		}
		if mac != "" && containerEnd.HardwareAddr.String() != mac {
			t.Errorf("container: MAC %s, want %s", containerEnd.HardwareAddr, mac)
		}
		if l.Attrs().Flags&net.FlagUp != 0 || containerEnd.Flags&net.FlagUp != 0 {
			t.Error("container: up")
		}
		_, peer, err := ip.GetVethPeerIfindex(name)
		if err != nil || peer != hostEnd.Index {
			t.Errorf("container: peer %d, want %d: %v", peer, hostEnd.Index, err)
		}
	})
	in(t, host, func() {
		a := link(t, hostEnd.Name).Attrs()
		if a.Index != hostEnd.Index || a.MTU != mtu || a.HardwareAddr.String() != hostEnd.HardwareAddr.String() {
			t.Errorf("host: %+v is %+v", hostEnd, a)
		}
		if hostName != "" && hostEnd.Name != hostName {
			t.Errorf("host: name %s, want %s", hostEnd.Name, hostName)
		}
		if mac != "" && hostEnd.HardwareAddr.String() == mac {
			t.Error("host: it has the container's MAC")
		}
		if a.Flags&net.FlagUp == 0 || hostEnd.Flags&net.FlagUp == 0 {
			t.Error("host: down")
		}
		if got, err := sysctl.Sysctl("net/ipv6/conf/" + hostEnd.Name + "/accept_ra"); err != nil || got != "0" {
			t.Errorf("host: accept_ra is %q: %v", got, err)
		}
		_, peer, err := ip.GetVethPeerIfindex(hostEnd.Name)
		if err != nil || peer != containerEnd.Index {
			t.Errorf("host: peer %d, want %d: %v", peer, containerEnd.Index, err)
		}
	})
}

func TestSetupVeth(t *testing.T) {
	t.Run("random name", func(t *testing.T) {
		setup(t, newNS(t), newNS(t), "eth0", "", 1400, "")
	})
	t.Run("given name and MAC", func(t *testing.T) {
		setup(t, newNS(t), newNS(t), "eth0", "vethhost", 1300, "02:00:00:00:12:34")
	})
	t.Run("one namespace", func(t *testing.T) {
		n := newNS(t)
		setup(t, n, n, "eth0", "vethhost", 1300, "")
	})

	t.Run("taken names are tried again", func(t *testing.T) {
		host := newNS(t)
		randomly(t, &digits{times: 10})
		setup(t, host, newNS(t), "eth0", "", 1400, "") // veth00000000
		setup(t, host, newNS(t), "eth0", "", 1400, "") // 9 times taken, then veth01010101
		in(t, host, func() { link(t, "veth01010101") })
	})

	t.Run("but not for ever", func(t *testing.T) {
		host, container := newNS(t), newNS(t)
		randomly(t, &digits{times: 1000})
		setup(t, host, newNS(t), "eth0", "", 1400, "")
		in(t, container, func() {
			_, _, err := ip.SetupVeth("eth0", 1400, "", host)
			wantText(t, err, "failed to find a unique veth name")
		})
	})

	t.Run("errors leave nothing", func(t *testing.T) {
		host, container := newNS(t), newNS(t)
		in(t, host, func() { addVeth(t, "taken", "taken2") })
		in(t, container, func() {
			_, _, err := ip.SetupVethWithName("eth0", "taken", 1400, "", host)
			wantText(t, err, `container veth name ("eth0") peer provided ("taken") already exists`)
			_, _, err = ip.SetupVeth("eth0", 1400, "zz", host)
			wantText(t, err, "failed to make veth pair: address zz: invalid MAC address")
			_, _, err = ip.SetupVeth("eth0", 1400, "01:00:00:00:00:00", host)
			wantText(t, err, "failed to make veth pair: cannot assign requested address")
			_, _, err = ip.SetupVeth("lo", 1400, "", host)
			form := regexp.MustCompile(`^container veth name \("lo"\) peer provided \("veth[0-9a-f]{8}"\) already exists$`)
			if err == nil || !form.MatchString(err.Error()) {
				t.Errorf("error %v, want %v", err, form)
			}
		})
		wantLinks(t, container, "lo")
		wantLinks(t, host, "lo", "taken", "taken2")
	})
}

// A program that makes many pairs keeps nothing open, whether or not memory is collected.
func TestSetupVethOpens(t *testing.T) {
	host, container := newNS(t), newNS(t)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	open := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(files)
	}
	in(t, container, func() {
		before := open()
		_, _, err := ip.SetupVeth("eth0", 1500, "", host)
		must(t, err)
		if after := open(); after > before {
			t.Errorf("%d files are open, %d were", after, before)
		}
	})
}

// wantLinks compares the names of a namespace's links, which are sorted.
func wantLinks(t *testing.T, n ns.NetNS, want ...string) {
	t.Helper()
	in(t, n, func() {
		links, err := netlink.LinkList()
		must(t, err)
		var got []string
		for _, l := range links {
			// Tunnel drivers give each namespace a device of theirs.
			if a := l.Attrs(); l.Type() == "veth" || a.Flags&net.FlagLoopback != 0 {
				got = append(got, a.Name)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("links %v, want %v", got, want)
		}
	})
}

func TestGetVethPeerIfindexErrors(t *testing.T) {
	inside(t, func() {
		for name, want := range map[string]string{
			"nosuch": `could not look up "nosuch": Link not found`,
			"lo":     `interface "lo" was not a veth interface`,
		} {
			l, index, err := ip.GetVethPeerIfindex(name)
			wantText(t, err, want)
			if l != nil || index != -1 {
				t.Errorf("%s: link %v, index %d", name, l, index)
			}
		}
	})
}

// Two ends may have one index, each in its namespace.
func TestGetVethPeerIfindexSameIndex(t *testing.T) {
	host, container := newNS(t), newNS(t)
	in(t, container, func() {
		hostEnd, containerEnd, err := ip.SetupVeth("eth0", 1400, "", host)
		must(t, err)
		if hostEnd.Index != containerEnd.Index {
			t.Fatalf("indexes are not the same: %d, %d", hostEnd.Index, containerEnd.Index)
		}
		_, peer, err := ip.GetVethPeerIfindex("eth0")
		if err != nil || peer != hostEnd.Index {
			t.Errorf("peer %d, want %d: %v", peer, hostEnd.Index, err)
		}
	})
}
