// Package utils has the names that plugins give to state on the host, and
// small operations on iptables and conntrack.
package utils

import (
	"crypto/sha512"

	"github.com/containernetworking/plugins/pkg/owner"
)

// MaxHashLen is the number of hexadecimal digits in a hash.
const MaxHashLen = sha512.Size * 2

// FormatChainName returns the name of the iptables chain that belongs to the
// network called name and the container id: "CNI-" and 24 hexadecimal digits.
func FormatChainName(name string, id string) string {
	return attachment(name, id).ChainName("")
}

// MustFormatChainNameWithPrefix is [FormatChainName] with prefix behind "CNI-"
// in place of the last digits. It panics if prefix leaves no room for any.
func MustFormatChainNameWithPrefix(name string, id string, prefix string) string {
	chain := attachment(name, id).ChainName(prefix)
	if len(chain) <= len("CNI-"+prefix) {
		panic("invalid length")
	}
	return chain
}

// FormatComment returns the comment of the iptables rules that belong to the
// network called name and the container id.
func FormatComment(name string, id string) string {
	return attachment(name, id).Comment()
}

func attachment(network, containerID string) owner.Attachment {
	return owner.Attachment{Network: network, ContainerID: containerID}
}

// MustFormatHashWithPrefix returns prefix and, up to length characters in all,
// the hexadecimal digits of the SHA-512 hash of toHash. It panics if length is
// not more than prefix has, or more than [MaxHashLen].
func MustFormatHashWithPrefix(length int, prefix string, toHash string) string {
	if length <= len(prefix) || length > MaxHashLen {
		panic("invalid length")
	}
	return owner.Name(length, prefix, toHash)
}
