package netlinksafe

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
)

// interrupted returns a dump that is interrupted the first times times.
func interrupted(times int, calls *int) func() (uint, error) {
	return func() (uint, error) {
		*calls++
		if *calls <= times {
			return 1, fmt.Errorf("dump: %w", netlink.ErrDumpInterrupted)
		}
		return 10, nil
	}
}

func TestRetry(t *testing.T) {
	tests := []struct {
		times, calls int
		got, total   uint
		interrupted  bool
	}{
		{times: 0, calls: 1, got: 10, total: 10},
		{times: 1, calls: 2, got: 10, total: 11},
		{times: attempts - 1, calls: attempts, got: 10, total: attempts + 9},
		{times: attempts, calls: attempts, got: 1, total: attempts, interrupted: true},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.times), func(t *testing.T) {
			var calls int
			got, err := retry(interrupted(test.times, &calls))
			if got != test.got || calls != test.calls || errors.Is(err, netlink.ErrDumpInterrupted) != test.interrupted {
				t.Errorf("retry: %d after %d calls, error %v", got, calls, err)
			}
			calls = 0
			got, err = retryCount(interrupted(test.times, &calls))
			if got != test.total || calls != test.calls || errors.Is(err, netlink.ErrDumpInterrupted) != test.interrupted {
				t.Errorf("retryCount: %d after %d calls, error %v", got, calls, err)
			}
		})
	}
}

func TestRetryPassesOtherErrorsOn(t *testing.T) {
	calls, want := 0, errors.New("potato")
	_, err := retry(func() (int, error) { calls++; return 0, want })
	if err != want || calls != 1 {
		t.Errorf("error %v after %d calls, want %v after 1", err, calls, want)
	}
}

func TestZeroHandleCloses(t *testing.T) {
	Handle{}.Close()
}

// The functions and the methods of Handle see the same namespace.
func TestNamespace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	target, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	err = target.Do(func(ns.NetNS) error {
		h, err := NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer h.Close()
		links, err := LinkList()
		if err != nil || len(links) == 0 {
			return fmt.Errorf("LinkList: %v, %w", links, err)
		}
		handleLinks, err := h.LinkList()
		if err != nil || len(handleLinks) != len(links) {
			return fmt.Errorf("Handle.LinkList: %d, want %d: %w", len(handleLinks), len(links), err)
		}
		lo, err := LinkByName("lo")
		if err != nil {
			return err
		}
		if _, err := h.LinkByName("nosuch"); !errors.As(err, new(netlink.LinkNotFoundError)) {
			return fmt.Errorf("a link that is missing: %w", err)
		}
		if err := h.LinkSetUp(lo); err != nil {
			return err
		}
		addrs, err := AddrList(lo, netlink.FAMILY_V4)
		if err != nil || len(addrs) != 1 {
			return fmt.Errorf("AddrList: %v, %w", addrs, err)
		}
		local := &netlink.Route{Table: unix.RT_TABLE_LOCAL}
		routes, err := RouteListFiltered(netlink.FAMILY_V4, local, netlink.RT_FILTER_TABLE)
		if err != nil || len(routes) == 0 {
			return fmt.Errorf("RouteListFiltered: %v, %w", routes, err)
		}
		handleRoutes, err := h.RouteListFiltered(netlink.FAMILY_V4, local, netlink.RT_FILTER_TABLE)
		if err != nil || len(handleRoutes) != len(routes) {
			return fmt.Errorf("Handle.RouteListFiltered: %v, want %v: %w", handleRoutes, routes, err)
		}
		rules, err := RuleList(netlink.FAMILY_V4)
		if err != nil || len(rules) == 0 {
			return fmt.Errorf("RuleList: %v, %w", rules, err)
		}
		qdiscs, err := QdiscList(lo)
		if err != nil {
			return fmt.Errorf("QdiscList: %v, %w", qdiscs, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
