package ip_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// detection makes a pair, eth0 and peer, of which eth0 takes this long to
// detect a duplicate address once there is a carrier.
func detection(t *testing.T, duration time.Duration) netlink.Link {
	t.Helper()
	l := addVeth(t, "eth0", "peer")
	for key, value := range map[string]string{
		// The kernel waits for a random part of this first (RFC 4862, 5.4.2).
		"net/ipv6/conf/eth0/router_solicitation_delay": "0",
		"net/ipv6/neigh/eth0/retrans_time_ms":          fmt.Sprint(duration.Milliseconds()),
	} {
		_, err := sysctl.Sysctl(key, value)
		must(t, err)
	}
	return l
}

// addTentative gives the link an address that is to be detected.
func addTentative(t *testing.T, l netlink.Link, addr string) {
	t.Helper()
	must(t, netlink.AddrAdd(l, &netlink.Addr{IPNet: ipNet(t, addr)}))
}

// tentative returns how many addresses of the link are.
func tentative(t *testing.T, l netlink.Link) (n int) {
	t.Helper()
	addrs, err := netlink.AddrList(l, netlink.FAMILY_V6)
	must(t, err)
	for _, addr := range addrs {
		if addr.Flags&unix.IFA_F_TENTATIVE != 0 {
			n++
		}
	}
	return n
}

// settle calls SettleAddresses with a timeout that must not be reached.
func settle(t *testing.T) error {
	t.Helper()
	start := time.Now()
	err := ip.SettleAddresses("eth0", time.Minute)
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("settled only after %v", took)
	}
	return err
}

func TestSettleAddresses(t *testing.T) {
	tests := []struct {
		name string
		test func(t *testing.T)
	}{
		{"waits", func(t *testing.T) {
			l := detection(t, 300*time.Millisecond)
			addTentative(t, l, "2001:db8::1/64")
			addTentative(t, l, "2001:db8::2/64")
			if tentative(t, l) == 0 {
				t.Error("no address is tentative")
			}
			must(t, settle(t))
			if n := tentative(t, l); n > 0 {
				t.Errorf("%d addresses are still tentative", n)
			}
		}},
		{"no addresses", func(t *testing.T) {
			l := detection(t, time.Minute)
			_, err := sysctl.Sysctl("net/ipv6/conf/eth0/disable_ipv6", "1")
			must(t, err)
			addAddr(t, l, "192.0.2.1/24")
			must(t, settle(t))
		}},
		{"no carrier", func(t *testing.T) {
			l := detection(t, time.Minute)
			must(t, netlink.LinkSetDown(link(t, "peer")))
			addTentative(t, l, "2001:db8::1/64")
			must(t, settle(t))
		}},
		{"down", func(t *testing.T) {
			l := detection(t, time.Minute)
			must(t, netlink.LinkSetDown(l))
			addTentative(t, l, "2001:db8::1/64")
			must(t, settle(t))
		}},
		{"carrier lost meanwhile", func(t *testing.T) {
			l := detection(t, time.Minute)
			addTentative(t, l, "2001:db8::1/64")
			lost := meanwhile(t, func() error { return netlink.LinkSetDown(link(t, "peer")) })
			must(t, settle(t))
			must(t, <-lost)
		}},
		{"deleted meanwhile", func(t *testing.T) {
			l := detection(t, time.Minute)
			addTentative(t, l, "2001:db8::1/64")
			deleted := meanwhile(t, func() error { return netlink.LinkDel(l) })
			must(t, settle(t))
			must(t, <-deleted)
		}},
		{"in use by somebody else", func(t *testing.T) {
			l := detection(t, time.Second)
			addAddr(t, link(t, "peer"), "2001:db8::1/64")
			addTentative(t, l, "2001:db8::1/64")
			wantText(t, settle(t), "link eth0 has address 2001:db8::1 in DADFAILED state")
		}},
		{"timeout", func(t *testing.T) {
			l := detection(t, time.Minute)
			addTentative(t, l, "2001:db8::1/64")
			wantText(t, ip.SettleAddresses("eth0", 1500*time.Millisecond),
				"link eth0 still has tentative addresses after 1 seconds")
			if err := ip.SettleAddresses("eth0", 0); err == nil {
				t.Error("no error without time")
			}
		}},
		{"no such link", func(t *testing.T) {
			wantText(t, ip.SettleAddresses("eth0", time.Second), `failed to lookup "eth0": Link not found`)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inside(t, func() { test.test(t) })
		})
	}
}

// meanwhile does something in the current namespace from another thread, after
// the caller had some time to begin to wait.
func meanwhile(t *testing.T, act func() error) <-chan error {
	t.Helper()
	here, err := ns.GetCurrentNS()
	must(t, err)
	done := make(chan error, 1)
	time.AfterFunc(100*time.Millisecond, func() {
		defer here.Close()
		done <- here.Do(func(ns.NetNS) error { return act() })
	})
	return done
}
