// Package owner names the owner of a piece of host state, and the state after
// its owner: tags and comments, chain names, device names. Whoever finds such
// state later, on DEL or GC, can tell from the name alone whose it is.
package owner

import (
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// maxTag is the longest tag in bytes. nftables keeps user data of a rule in at
// most 256 bytes; upstream cuts its comments here, and so must we to find them.
const maxTag = 128

// PrefixLen is the length of Attachment.Prefix: twice 16 digits, and a hyphen.
const PrefixLen = 33

// Attachment is one interface of one container in one network: the key under
// which all state on the host is kept (CNI specification, section 2, "ADD").
type Attachment struct {
	Network     string
	ContainerID string
	IfName      string
}

// String names the attachment in errors.
func (a Attachment) String() string {
	return fmt.Sprintf("interface %s of container %s in network %s", a.IfName, a.ContainerID, a.Network)
}

// Name returns prefix followed by the hexadecimal SHA-512 of key, cut to length
// characters altogether. It never returns more than prefix and 128 digits.
func Name(length int, prefix, key string) string {
	sum := sha512.Sum512([]byte(key))
	name := prefix + hex.EncodeToString(sum[:])
	return name[:min(length, len(name))]
}

// ChainName returns the name of the attachment's iptables chain: "CNI-", infix
// and as much of the hash of network and container as fits into 28 characters,
// one less than iptables' limit. The interface is not part of it, as in
// upstream, so that attachments of one container to one network share a chain.
func (a Attachment) ChainName(infix string) string {
	return Name(28, "CNI-"+infix, a.Network+a.ContainerID)
}

// Comment returns the comment of the attachment's iptables rules.
func (a Attachment) Comment() string {
	return fmt.Sprintf("name: %q id: %q", a.Network, a.ContainerID)
}

// OfComment returns the network and the container that a comment (Attachment.Comment)
// names, whatever is behind them.
func OfComment(comment string) (a Attachment, ok bool) {
	network, rest, ok := cutQuoted(comment, "name: ")
	if !ok {
		return a, false
	}
	id, _, ok := cutQuoted(rest, " id: ")
	return Attachment{Network: network, ContainerID: id}, ok
}

// cutQuoted returns the quoted text behind a key, and the rest.
func cutQuoted(text, key string) (value, rest string, ok bool) {
	text, ok = strings.CutPrefix(text, key)
	quoted, err := strconv.QuotedPrefix(text)
	if !ok || err != nil {
		return "", "", false
	}
	value, err = strconv.Unquote(quoted)
	return value, text[len(quoted):], err == nil
}

// DeviceName returns a name for a host device of the attachment: prefix and hash
// digits, length characters altogether (15 is the most that Linux takes). It
// differs for each network, container and interface, and for each try, as a
// short hash may be taken by somebody else.
func (a Attachment) DeviceName(length int, prefix string, try int) string {
	key := strings.Join([]string{a.Network, a.ContainerID, a.IfName, strconv.Itoa(try)}, "/")
	return Name(length, prefix, key)
}

// Tag returns the text that marks state as the attachment's where the kernel
// offers a free text: nftables comments and interface aliases. It begins with
// Prefix and is at most 128 bytes long.
func (a Attachment) Tag() string {
	tag := fmt.Sprintf("%s, net: %s, if: %s, id: %s", a.Prefix(), a.Network, a.IfName, a.ContainerID)
	tag = strings.ReplaceAll(tag, `"`, "")
	return tag[:min(maxTag, len(tag))]
}

// IsName reports whether a text can name a container or a network (CNI specification,
// section 2, CNI_CONTAINERID): letters and digits of ASCII and, behind the first, "_.-".
func IsName(text string) bool {
	for i := range len(text) {
		c := text[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && !('0' <= c && c <= '9') && (i == 0 || strings.IndexByte("_.-", c) < 0) {
			return false
		}
	}
	return text != ""
}

// Prefix returns the fixed-length start of Tag, which identifies the attachment
// also where the rest of the tag was cut off.
func (a Attachment) Prefix() string {
	return NetworkPrefix(a.Network) + Name(16, "", a.IfName+":"+a.ContainerID)
}

// NetworkPrefix returns what the tags of all attachments of a network start with.
func NetworkPrefix(network string) string {
	return Name(16, "", network) + "-"
}

// Owns reports whether tag marks state of this attachment.
func (a Attachment) Owns(tag string) bool {
	return strings.HasPrefix(tag, a.Prefix())
}

// IsOf reports whether tag, or the prefix of one, is about the same interface of the same
// container, whatever the network is called.
func (a Attachment) IsOf(tag string) bool {
	const container = PrefixLen - 16
	return len(tag) >= PrefixLen && tag[container:PrefixLen] == a.Prefix()[container:]
}

// Former returns the attachment under the name of the network in a tag of the same
// interface of the same container: somebody may have changed the name since its ADD. ok is
// false if the tag is about another one, or has what cannot be a name: a container can
// write what it likes into the tag of its interface.
func (a Attachment) Former(tag string) (former Attachment, ok bool) {
	_, rest, _ := strings.Cut(tag, ", net: ")
	name, _, _ := strings.Cut(rest, ", if: ")
	former = Attachment{Network: name, ContainerID: a.ContainerID, IfName: a.IfName}
	return former, IsName(name) && former.Owns(tag)
}

// OfTag returns the attachment that a tag names. ok is false if the text is none, or has
// been cut off before its end.
func OfTag(tag string) (a Attachment, ok bool) {
	_, rest, _ := strings.Cut(tag, ", net: ")
	a.Network, rest, _ = strings.Cut(rest, ", if: ")
	a.IfName, rest, _ = strings.Cut(rest, ", id: ")
	a.ContainerID, _, _ = strings.Cut(rest, ",") // behind it may be more
	if !a.Owns(tag) {
		return Attachment{}, false
	}
	return a, true
}

// Stale returns what reports, of a tag or of the prefix of one, whether its owner
// is an attachment of the network that is not among the valid ones: what GC is to
// remove.
func Stale(network string, valid []Attachment) func(tag string) bool {
	keep := make(map[string]bool, len(valid))
	for _, a := range valid {
		keep[a.Prefix()] = true
	}
	ours := NetworkPrefix(network)
	return func(tag string) bool {
		return strings.HasPrefix(tag, ours) && !keep[tag[:min(PrefixLen, len(tag))]]
	}
}

// IsTag reports whether a text has the form of a Tag, whoever owns it.
func IsTag(text string) bool {
	network, rest, ok := strings.Cut(text, "-")
	return ok && len(network) == 16 && len(rest) > 16 && strings.HasPrefix(rest[16:], ", net: ")
}
