package link

import (
	"net"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// addUnique gives a link an address without duplicate address detection.
func addUnique(t *testing.T, n *Namespace, l netlink.Link, ip net.IP) {
	t.Helper()
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NODAD}
	if err := n.AddrAdd(l, addr); err != nil {
		t.Fatal(err)
	}
}

// What the kernel takes for its own is seen of one link, and not of another.
func TestWatchLocal(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	near := addPair(t, n, "nic", nil)
	far := mustLink(t, n, "peer-nic")
	w, err := n.WatchLocal(near)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	setUp(t, n, far)
	setUp(t, n, near)
	mine, others := net.ParseIP("fd00::1"), net.ParseIP("fd01::1")
	addUnique(t, n, far, others)
	addUnique(t, n, near, mine)
	if seen, err := w.AwaitLocal(t.Context(), time.Minute, []net.IP{mine}); !seen || err != nil {
		t.Errorf("own address: seen %v, %v", seen, err)
	}
	if seen, err := w.AwaitLocal(t.Context(), 50*time.Millisecond, []net.IP{others}); seen || err != nil {
		t.Errorf("address of another link: seen %v, %v", seen, err)
	}
}

// So it is from the beginning, whatever another link gets at that moment.
func TestWatchLocalFromBeginning(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	near := addPair(t, n, "nic", nil)
	far := mustLink(t, n, "peer-nic")
	setUp(t, n, far)
	setUp(t, n, near)
	others := net.ParseIP("fd01::1")
	over, ended := make(chan struct{}), make(chan struct{})
	defer func() { close(over); <-ended }()
	go func() {
		defer close(ended)
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: others, Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NODAD}
		for {
			select {
			case <-over:
				return
			default:
				_ = n.AddrAdd(far, addr)
				_ = n.AddrDel(far, addr)
			}
		}
	}()
	for range 300 {
		w, err := n.WatchLocal(near)
		if err != nil {
			t.Fatal(err)
		}
		seen, err := w.AwaitLocal(t.Context(), time.Millisecond, []net.IP{others})
		w.Close()
		if seen || err != nil {
			t.Fatalf("address of another link: seen %v, %v", seen, err)
		}
	}
}

// Names are looked up without a question, whatever the MTU is.
func TestLacks(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	l := addPair(t, n, "nic", nil)
	if err := n.LinkSetMTU(l, 68); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"nic": false, "lo": false, "none": true} {
		if got := n.Lacks(name); got != want {
			t.Errorf("lacks %s: %v", name, got)
		}
		if got := n.LacksEthernet(name); got != want {
			t.Errorf("lacks Ethernet %s: %v", name, got)
		}
	}
}
