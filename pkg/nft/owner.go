package nft

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/containernetworking/plugins/pkg/owner"
)

// ownerKeyLen is the length of the keys that OwnerKey makes: five marks.
const ownerKeyLen = 20

// OwnerSet returns a set that leads from attachments to what they have. Its key is
// of five marks, four of them for the owner.Attachment.Prefix: see OwnerKey.
func OwnerSet(name string) Set { return Set{Name: name, Key: []Type{Mark, Mark, Mark, Mark, Mark}} }

// Owned returns the elements of such a set for the attachment with the prefix.
func (c *Conn) Owned(t Table, set, prefix string) ([]Element, error) {
	var owned []Element
	for n := 0; ; n++ {
		x, found, err := c.Element(t, set, OwnerKey(prefix, n))
		if err != nil || !found {
			return owned, err
		}
		owned = append(owned, x)
	}
}

// OwnerKey returns the key for the nth thing that the attachment with the prefix
// has.
func OwnerKey(prefix string, n int) []byte {
	// The prefix is hexadecimal but for a hyphen; of anything else, which no
	// attachment has, the digits in front are taken.
	digits := make([]byte, ownerKeyLen-4)
	_, _ = hex.Decode(digits, []byte(strings.ReplaceAll(prefix, "-", "")))
	// nft(8) shows marks as numbers in the byte order of the machine, and so the
	// digits as they are in comments.
	var key []byte
	for i := 0; i < len(digits); i += 4 {
		key = binary.NativeEndian.AppendUint32(key, binary.BigEndian.Uint32(digits[i:]))
	}
	return binary.NativeEndian.AppendUint32(key, uint32(n))
}

// OwnerOf is the opposite of OwnerKey. The prefix is empty if the key is none of
// its.
func OwnerOf(key []byte) (prefix string, n int) {
	if len(key) != ownerKeyLen {
		return "", 0
	}
	var digits []byte
	for i := 0; i < ownerKeyLen-4; i += 4 {
		digits = binary.BigEndian.AppendUint32(digits, binary.NativeEndian.Uint32(key[i:]))
	}
	text := hex.EncodeToString(digits)
	return text[:len(text)/2] + "-" + text[len(text)/2:], int(binary.NativeEndian.Uint32(key[ownerKeyLen-4:]))
}

// CommentOwner returns the prefix of the owner whose tag a comment is, or the
// empty text.
func CommentOwner(comment string) string {
	if !owner.IsTag(comment) {
		return ""
	}
	return comment[:owner.PrefixLen]
}
