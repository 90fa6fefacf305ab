package dhcp6

import (
	"context"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
)

// Information is what a server tells without lending anything.
type Information struct {
	DNS    []netip.Addr
	Search []string
}

// Inquire asks any server for name servers and search domains, where addresses
// come from router advertisements that say so (Advertisement.Other). Its errors
// are those of Acquire.
func (c Client) Inquire(ctx context.Context, n *link.Namespace, l netlink.Link) (*Information, error) {
	talk, err := c.open(ctx, n, l)
	if err != nil {
		return nil, err
	}
	defer talk.file.Close()
	m, err := talk.newMessage(dhcpv6.MessageTypeInformationRequest)
	if err != nil {
		return nil, err
	}
	// The last two have to be asked for (RFC 8415, section 18.2.6), by a client that
	// does not ask again as well.
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
		information = &Information{a.dns, a.search}
		return accept
	})
	return information, err
}
