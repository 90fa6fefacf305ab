package dhcp6

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
)

// addRequest asks for the options that the client uses. Servers may lower how often
// they hear SOLICIT, for which a client must ask (RFC 8415, section 18.2.1).
func addRequest(m *dhcpv6.Message) {
	m.AddOption(dhcpv6.OptRequestedOption(
		dhcpv6.OptionDNSRecursiveNameServer,
		dhcpv6.OptionDomainSearchList,
		dhcpv6.OptionSolMaxRT,
	))
}

// newMessage begins a message of the client.
func (i Identity) newMessage(kind dhcpv6.MessageType) (*dhcpv6.Message, error) {
	transaction, err := dhcpv6.GenerateTransactionID()
	if err != nil {
		return nil, err
	}
	m := &dhcpv6.Message{MessageType: kind, TransactionID: transaction}
	m.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionClientID, OptionData: i.DUID})
	return m, nil
}

// toServer makes it a message to one server.
func toServer(m *dhcpv6.Message, server DUID) {
	m.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionServerID, OptionData: server})
}

// addIA asks for addresses, of which the client would like these. The times and
// lifetimes are the server's to say (RFC 8415, sections 21.4 and 21.6).
func (i Identity) addIA(m *dhcpv6.Message, addresses []Address) {
	ia := new(dhcpv6.OptIANA)
	binary.BigEndian.PutUint32(ia.IaId[:], i.IAID)
	for _, a := range addresses {
		ia.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: a.IP.AsSlice()})
	}
	m.AddOption(ia)
}

// setElapsed says since when the client tries.
func setElapsed(m *dhcpv6.Message, since time.Duration) {
	const most = math.MaxUint16 * 10 * time.Millisecond
	m.UpdateOption(dhcpv6.OptElapsedTime(min(since, most)))
}
