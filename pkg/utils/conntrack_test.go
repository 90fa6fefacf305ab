package utils_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/utils"
)

// flow is an entry of the connection tracking table.
type flow struct {
	dst      string
	port     uint16
	protocol uint8
}

// add puts the flow into the table, without any packet.
func (f flow) add() error {
	src, dst := net.IPv4(192, 0, 2, 1).To4(), net.ParseIP(f.dst).To4()
	var family uint8 = unix.AF_INET
	if dst == nil {
		src, dst, family = net.ParseIP("2001:db8::1"), net.ParseIP(f.dst), unix.AF_INET6
	}
	entry := &netlink.ConntrackFlow{
		FamilyType: family,
		Forward:    netlink.IPTuple{SrcIP: src, DstIP: dst, SrcPort: 1234, DstPort: f.port, Protocol: f.protocol},
		Reverse:    netlink.IPTuple{SrcIP: dst, DstIP: src, SrcPort: f.port, DstPort: 1234, Protocol: f.protocol},
		TimeOut:    60,
	}
	if f.protocol == utils.PROTOCOL_TCP {
		entry.ProtoInfo = &netlink.ProtoInfoTCP{State: nfConntrackEstablished}
	}
	if err := netlink.ConntrackCreate(netlink.ConntrackTable, netlink.InetFamily(family), entry); err != nil {
		return fmt.Errorf("add %+v: %w", f, err)
	}
	return nil
}

// nfConntrackEstablished is TCP_CONNTRACK_ESTABLISHED of
// linux/netfilter/nf_conntrack_tcp.h.
const nfConntrackEstablished = 3

// flows returns the table.
func flows(t *testing.T) []flow {
	t.Helper()
	var all []flow
	for _, family := range []netlink.InetFamily{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		entries, err := netlink.ConntrackTableList(netlink.ConntrackTable, family)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			all = append(all, flow{e.Forward.DstIP.String(), e.Forward.DstPort, e.Forward.Protocol})
		}
	}
	return all
}

func TestDeleteConntrackEntries(t *testing.T) {
	before := []flow{
		{"198.51.100.1", 53, utils.PROTOCOL_UDP},
		{"198.51.100.1", 54, utils.PROTOCOL_UDP},
		{"198.51.100.1", 53, utils.PROTOCOL_TCP},
		{"198.51.100.2", 53, utils.PROTOCOL_UDP},
		{"2001:db8::2", 53, utils.PROTOCOL_UDP},
		{"2001:db8::3", 54, utils.PROTOCOL_UDP},
	}
	tests := []struct {
		name    string
		act     func() error
		removed []int // indexes into before
	}{
		{"v4 address", func() error {
			return utils.DeleteConntrackEntriesForDstIP("198.51.100.1", utils.PROTOCOL_UDP)
		}, []int{0, 1}},
		{"v6 address", func() error {
			return utils.DeleteConntrackEntriesForDstIP("2001:db8::2", utils.PROTOCOL_UDP)
		}, []int{4}},
		{"unknown address", func() error {
			return utils.DeleteConntrackEntriesForDstIP("203.0.113.1", utils.PROTOCOL_UDP)
		}, nil},
		{"v4 port", func() error {
			return utils.DeleteConntrackEntriesForDstPort(53, utils.PROTOCOL_UDP, netlink.FAMILY_V4)
		}, []int{0, 3}},
		{"v6 port", func() error {
			return utils.DeleteConntrackEntriesForDstPort(54, utils.PROTOCOL_UDP, netlink.FAMILY_V6)
		}, []int{5}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inside(t, func() error {
				for _, f := range before {
					err := f.add()
					if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
						t.Skipf("kernel lacks ctnetlink: %v", err)
					}
					if err != nil {
						return err
					}
				}
				if err := test.act(); err != nil {
					return err
				}
				left := flows(t)
				for i, f := range before {
					if slices.Contains(left, f) == slices.Contains(test.removed, i) {
						t.Errorf("%+v: still there: %v", f, slices.Contains(left, f))
					}
				}
				return nil
			})
		})
	}
}

func TestDeleteConntrackEntriesErrors(t *testing.T) {
	err := utils.DeleteConntrackEntriesForDstIP("300.0.0.1", utils.PROTOCOL_UDP)
	if err == nil || err.Error() != "error deleting connection tracking state, bad IP <nil>" {
		t.Errorf("a bad address: %v", err)
	}
	const want = "error deleting connection tracking state for protocol: 1 Port: 53, error: Filter attribute not available without a valid Layer 4 protocol: 1"
	err = utils.DeleteConntrackEntriesForDstPort(53, 1, netlink.FAMILY_V4)
	if err == nil || err.Error() != want {
		t.Errorf("a protocol without ports: %v", err)
	}
}
