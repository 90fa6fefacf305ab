package dhcp6

import (
	"context"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
)

// Information is what a server tells without lending anything.
type Information struct {
	DNS    []netip.Addr `json:"dns,omitempty"`
	Search []string     `json:"search,omitempty"`
	// Refresh is after how long to ask again, at least 10 minutes (RFC 8415,
	// section 21.23). Default: one day.
	Refresh time.Duration `json:"refresh"`
}

// The bounds of Information.Refresh (RFC 8415, section 7.6).
const (
	defaultRefresh Seconds = 86400
	minRefresh     Seconds = 600
)

// Inquire asks any server for name servers and search domains, where addresses
// come from router advertisements that say so (Advertisement.Other). Its errors
// are those of Acquire.
func (c Client) Inquire(ctx context.Context, n *link.Namespace, l netlink.Link) (*Information, error) {
	conversation, err := c.open(ctx, n, l)
	if err != nil {
		return nil, err
	}
	defer conversation.close()
	m, err := conversation.newMessage(dhcpv6.MessageTypeInformationRequest)
	if err != nil {
		return nil, err
	}
	m.AddOption(inquired)
	var information *Information
	err = conversation.exchange(ctx, m, &inquireTimes, func(a *answer) verdict {
		conversation.refuse(a)
		if a.refusal() != nil {
			return ignore
		}
		refresh := max(minRefresh, a.refresh)
		if a.refresh == 0 {
			refresh = defaultRefresh
		}
		information = &Information{a.dns, a.search, refresh.Duration()}
		return accept
	})
	return information, err
}
