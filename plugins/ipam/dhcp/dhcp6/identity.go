package dhcp6

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"github.com/containernetworking/plugins/pkg/owner"
)

// maxDUID is the longest DUID there may be (RFC 8415, section 11.1): a type and
// 128 bytes.
const maxDUID = 130

// A DUID names a client or a server (RFC 8415, section 11). As text it is bytes
// in hexadecimal with colons between them, as servers print it.
type DUID []byte

// String returns the DUID as servers print it.
func (d DUID) String() string {
	pairs := make([]string, len(d))
	for i, b := range d {
		pairs[i] = hex.EncodeToString([]byte{b})
	}
	return strings.Join(pairs, ":")
}

// MarshalText is String.
func (d DUID) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *DUID) UnmarshalText(text []byte) error {
	bytes, err := hex.DecodeString(strings.ReplaceAll(string(text), ":", ""))
	if err != nil {
		return fmt.Errorf("read DUID %q: %w", text, err)
	}
	if !isDUID(bytes) {
		return fmt.Errorf("DUID %q has %d bytes, not 3 to %d", text, len(bytes), maxDUID)
	}
	*d = bytes
	return nil
}

func isDUID(bytes []byte) bool { return len(bytes) > 2 && len(bytes) <= maxDUID }

// Identity is what a server knows a client by: it gives the same addresses to
// the same identity.
type Identity struct {
	DUID DUID   `json:"duid"`
	IAID uint32 `json:"iaid"`
}

// Identify returns the identity of an attachment. It is the same whenever and
// wherever it is asked for, and other attachments have others: a DUID-UUID
// (RFC 6355) whose UUID is of the version for one's own schemes (RFC 9562,
// section 5.8).
func Identify(a owner.Attachment) Identity {
	sum := sha256.Sum256([]byte(a.Network + "\x00" + a.ContainerID + "\x00" + a.IfName))
	uuid := sum[:16]
	uuid[6] = uuid[6]&0x0f | 0x80
	uuid[8] = uuid[8]&0x3f | 0x80
	return Identity{
		DUID: append(DUID{0, byte(dhcpv6.DUID_UUID)}, uuid...),
		IAID: binary.BigEndian.Uint32(sum[16:]),
	}
}
