package nat

import (
	"net"
	"strconv"
	"strings"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/owner"
)

// comment returns upstream's comment, as far as iptables takes it.
func comment(a owner.Attachment) string {
	text := a.Comment()
	return text[:min(len(text), iptables.MaxComment)]
}

// The parts of a record: the end of a comment that says whose address a rule is
// about.
const (
	recordIfName = ` if: `
	recordIP     = ` ip: `
)

func record(a owner.Attachment, ip net.IP) string {
	end := recordIfName + strconv.Quote(a.IfName) + recordIP + ip.String()
	text := a.Comment()
	return text[:min(len(text), iptables.MaxComment-len(end))] + end
}

// parseRecord returns what record wrote; ok is false for rules of upstream.
func parseRecord(comment string) (ifName string, ip net.IP, ok bool) {
	rest, address, ok := cutLast(comment, recordIP)
	if !ok {
		return "", nil, false
	}
	_, quoted, ok := cutLast(rest, recordIfName)
	if !ok {
		return "", nil, false
	}
	ifName, err := strconv.Unquote(quoted)
	ip = net.ParseIP(address)
	return ifName, ip, err == nil && ip != nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// containerOf returns the container that a comment names, if it names the
// network too.
func containerOf(comment, network string) (string, bool) {
	a, ok := owner.OfComment(comment)
	if !ok || a.Network != network {
		return "", false
	}
	return a.ContainerID, true
}
