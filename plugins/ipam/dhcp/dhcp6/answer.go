package dhcp6

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
)

// maxMessage is the longest message that is read. Servers stay below 1500
// bytes; what is longer is counted and not looked at.
const maxMessage = 4096

// An answer is what a server sent, as far as the client uses it. Options that
// it does not use are not looked into, so that none of them, nested however
// deep, costs anything.
type answer struct {
	kind           dhcpv6.MessageType
	transaction    dhcpv6.TransactionID
	client, server DUID
	preference     byte
	rapid          bool
	status         *StatusError
	// ia is that of the client's IAID, or nil.
	ia     *identityAssociation
	dns    []netip.Addr
	search []string
	// maxSolicit is 0 if not given.
	maxSolicit Seconds
}

// identityAssociation is an IA_NA. Its addresses include those that the server
// takes back, with lifetime 0.
type identityAssociation struct {
	t1, t2    Seconds
	status    *StatusError
	addresses []Address
}

// A StatusError is a status other than success that a server sent (RFC 8415,
// section 21.13).
type StatusError struct {
	Code iana.StatusCode
	Text string
}

func (e *StatusError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("server says %v", e.Code)
	}
	return fmt.Sprintf("server says %v: %q", e.Code, e.Text)
}

var errMalformed = errors.New("malformed message")

// parseAnswer reads a message from a server to the client with the IAID.
func parseAnswer(data []byte, iaid uint32) (*answer, error) {
	if len(data) < dhcpv6.MessageHeaderSize {
		return nil, errMalformed
	}
	a := &answer{kind: dhcpv6.MessageType(data[0]), transaction: dhcpv6.TransactionID(data[1:4])}
	options, err := split(data[dhcpv6.MessageHeaderSize:])
	if err != nil {
		return nil, err
	}
	for _, o := range options {
		if err := a.take(o.OptionCode, o.OptionData, iaid); err != nil {
			return nil, fmt.Errorf("%w: option %v: %w", errMalformed, o.OptionCode, err)
		}
	}
	return a, nil
}

var (
	errLength = errors.New("wrong length")
	errTwice  = errors.New("given twice")
)

// take reads one option of a message.
func (a *answer) take(code dhcpv6.OptionCode, data []byte, iaid uint32) (err error) {
	switch code {
	case dhcpv6.OptionClientID:
		return takeDUID(&a.client, data)
	case dhcpv6.OptionServerID:
		return takeDUID(&a.server, data)
	case dhcpv6.OptionPreference:
		if len(data) != 1 {
			return errLength
		}
		a.preference = data[0]
	case dhcpv6.OptionRapidCommit:
		a.rapid = true
	case dhcpv6.OptionStatusCode:
		a.status, err = parseStatus(data)
	case dhcpv6.OptionIANA:
		return a.takeIA(data, iaid)
	case dhcpv6.OptionDNSRecursiveNameServer:
		a.dns, err = parseServers(data)
	case dhcpv6.OptionDomainSearchList:
		a.search, err = parseDomains(data, false)
	case dhcpv6.OptionSolMaxRT:
		a.maxSolicit, err = parseSeconds(data)
	}
	return err
}

func takeDUID(into *DUID, data []byte) error {
	if *into != nil {
		return errTwice
	}
	if !isDUID(data) {
		return errLength
	}
	*into = slices.Clone(data)
	return nil
}

// takeIA reads an IA_NA if it is the client's. One whose T1 is after T2 counts
// as not there (RFC 8415, section 21.4).
func (a *answer) takeIA(data []byte, iaid uint32) error {
	if len(data) < 12 {
		return errLength
	}
	if binary.BigEndian.Uint32(data) != iaid {
		return nil
	}
	if a.ia != nil {
		return errTwice
	}
	ia := &identityAssociation{
		t1: Seconds(binary.BigEndian.Uint32(data[4:])),
		t2: Seconds(binary.BigEndian.Uint32(data[8:])),
	}
	options, err := split(data[12:])
	if err != nil {
		return err
	}
	for _, o := range options {
		switch o.OptionCode {
		case dhcpv6.OptionStatusCode:
			ia.status, err = parseStatus(o.OptionData)
		case dhcpv6.OptionIAAddr:
			err = ia.takeAddress(o.OptionData)
		}
		if err != nil {
			return err
		}
	}
	if ia.t2 == 0 || ia.t1 <= ia.t2 {
		a.ia = ia
	}
	return nil
}

// takeAddress reads an address. One that is preferred for longer than valid,
// that nobody could use, or that has a status counts as not there.
func (ia *identityAssociation) takeAddress(data []byte) error {
	if len(data) < 24 {
		return errLength
	}
	address := Address{
		IP:        netip.AddrFrom16([16]byte(data)),
		Preferred: Seconds(binary.BigEndian.Uint32(data[16:])),
		Valid:     Seconds(binary.BigEndian.Uint32(data[20:])),
	}
	options, err := split(data[24:])
	if err != nil {
		return err
	}
	for _, o := range options {
		if o.OptionCode != dhcpv6.OptionStatusCode {
			continue
		}
		status, err := parseStatus(o.OptionData)
		if err != nil {
			return err
		}
		if status != nil {
			return nil
		}
	}
	known := slices.ContainsFunc(ia.addresses, func(a Address) bool { return a.IP == address.IP })
	if address.Preferred <= address.Valid && isUsable(address.IP) && !known {
		ia.addresses = append(ia.addresses, address)
	}
	return nil
}

// hasAddress reports whether the client may use any address of the answer.
func (a *answer) hasAddress() bool {
	return a.ia != nil && len(a.ia.lent()) > 0
}

// lent returns the addresses without those that the server takes back.
func (ia *identityAssociation) lent() []Address {
	return slices.DeleteFunc(slices.Clone(ia.addresses), func(a Address) bool { return a.Valid == 0 })
}

// refusal is the status other than success that the answer has, of itself or of
// the IA, or nil.
func (a *answer) refusal() *StatusError {
	if a.status == nil && a.ia != nil {
		return a.ia.status
	}
	return a.status
}

// parseStatus returns nil for success.
func parseStatus(data []byte) (*StatusError, error) {
	if len(data) < 2 {
		return nil, errLength
	}
	code := iana.StatusCode(binary.BigEndian.Uint16(data))
	if code == iana.StatusSuccess {
		return nil, nil
	}
	return &StatusError{code, string(data[2:])}, nil
}

func parseSeconds(data []byte) (Seconds, error) {
	if len(data) != 4 {
		return 0, errLength
	}
	return Seconds(binary.BigEndian.Uint32(data)), nil
}

// parseServers reads addresses of name servers, which may be link-local, and
// leaves those out that cannot be one.
func parseServers(data []byte) ([]netip.Addr, error) {
	if len(data)%16 != 0 {
		return nil, errLength
	}
	var servers []netip.Addr
	for each := range slices.Chunk(data, 16) {
		server := netip.AddrFrom16([16]byte(each))
		if !server.IsUnspecified() && !server.IsMulticast() {
			servers = append(servers, server)
		}
	}
	return servers, nil
}

// split cuts options apart without looking into them.
func split(data []byte) ([]*dhcpv6.OptionGeneric, error) {
	var options dhcpv6.Options
	var generic []*dhcpv6.OptionGeneric
	err := options.FromBytesWithParser(data, func(code dhcpv6.OptionCode, data []byte) (dhcpv6.Option, error) {
		o := &dhcpv6.OptionGeneric{OptionCode: code, OptionData: data}
		generic = append(generic, o)
		return o, nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return generic, nil
}
