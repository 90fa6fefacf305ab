package config

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"strings"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp6"
)

// The values of IPAM.ClientID with a meaning. Any other text is sent as it is,
// and one that begins with "0x" as the bytes whose hexadecimal digits follow.
const (
	clientIDContainer = ""
	clientIDDUID      = "duid"
	clientIDMAC       = "mac"
)

// maxClientID is the length of a client identifier's text, beside the byte for
// its type.
const maxClientID = 254

// Key names an attachment: it is the default client identifier, and what the
// daemon's log calls a lease.
func Key(a owner.Attachment) string {
	key := a.ContainerID + "/" + a.Network + "/" + a.IfName
	return key[:min(len(key), maxClientID)]
}

// parseClientID reads what IPAM.ClientID says if that does not depend on the
// attachment.
func parseClientID(text string) ([]byte, error) {
	switch digits, isHex := strings.CutPrefix(text, "0x"); {
	case text == clientIDContainer, text == clientIDDUID, text == clientIDMAC:
		return nil, nil
	case isHex:
		id, err := hex.DecodeString(digits)
		if err != nil || len(id) < 2 || len(id) > maxOption {
			return nil, invalid("clientID %q is not 2 to 255 bytes in hexadecimal digits", text)
		}
		return id, nil
	case len(text) > maxClientID:
		return nil, invalid("clientID is longer than %d bytes", maxClientID)
	default:
		return append([]byte{0}, text...), nil
	}
}

// ClientIDOf returns the value of option 61 (RFC 2132, section 9.14). An option
// 61 among those to provide takes its place.
func (c *IPAM) ClientIDOf(a owner.Attachment, mac net.HardwareAddr) []byte {
	switch c.ClientID {
	case clientIDContainer:
		return append([]byte{0}, Key(a)...)
	case clientIDDUID: // RFC 4361, section 6.1
		identity := dhcp6.Identify(a)
		return append(binary.BigEndian.AppendUint32([]byte{255}, identity.IAID), identity.DUID...)
	case clientIDMAC:
		const ethernet = 1
		return append([]byte{ethernet}, mac...)
	}
	id, _ := parseClientID(c.ClientID)
	return id
}
