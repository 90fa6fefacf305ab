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
	talk, err := c.open(ctx, n, l)
	if err != nil {
		return nil, err
	}
	defer talk.close()
	m, err := talk.newMessage(dhcpv6.MessageTypeInformationRequest)
	if err != nil {
		return nil, err
	}
	m.AddOption(dhcpv6.OptRequestedOption(
		dhcpv6.OptionDNSRecursiveNameServer,
		dhcpv6.OptionDomainSearchList,
		dhcpv6.OptionInformationRefreshTime,
		dhcpv6.OptionInfMaxRT,
	))
	var information *Information
	err = talk.exchange(ctx, m, &inquireTimes, func(a *answer) verdict {
		talk.refuse(a)
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
