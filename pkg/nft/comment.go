package nft

import "encoding/binary"

// User data are texts and numbers that the kernel keeps unread, each with a byte
// for its type and one for its length (libnftnl, udata.h).

// Types of comments: that of sets differs from all others, which are alike.
const (
	commentType    = 0
	setCommentType = 7
)

// Types of numbers that tell nft(8) in which byte order a set has its data.
const (
	keyOrderType   = 0
	valueOrderType = 1
	hostOrder      = 1
)

// commentData returns the user data that nft(8) shows as the comment.
func commentData(kind byte, comment string) []byte {
	comment = comment[:min(len(comment), MaxComment)]
	return append([]byte{kind, byte(len(comment) + 1)}, comment+"\x00"...)
}

// orderData returns the user data that make nft(8) read data of the type in the
// machine's byte order. Within concatenations it knows by itself.
func orderData(kind byte, parts []Type) []byte {
	if len(parts) != 1 || parts[0] != Mark && parts[0] != IfName {
		return nil
	}
	return binary.NativeEndian.AppendUint32([]byte{kind, 4}, hostOrder)
}

// commentOf returns the comment in user data, or "". The data may be anybody's,
// so that no length in them is relied on.
func commentOf(data []byte) string {
	for len(data) >= 2 {
		kind, end := data[0], 2+int(data[1])
		if end > len(data) {
			return ""
		}
		if kind == commentType {
			return text(data[2:end])
		}
		data = data[end:]
	}
	return ""
}

// text returns a text without the 0 at its end.
func text(data []byte) string {
	if n := len(data); n > 0 && data[n-1] == 0 {
		data = data[:n-1]
	}
	return string(data)
}
