package link

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Qdisc is a queueing discipline of an interface.
type Qdisc struct {
	// Kind is "tbf", "noqueue", "clsact" …
	Kind string
	// Handle is 0 if the kernel has chosen it by itself.
	Handle uint32
	// Options are what the kind has, in its own form.
	Options []byte
}

// Qdisc returns the queueing discipline of an interface at netlink.HANDLE_ROOT or
// netlink.HANDLE_INGRESS, nil if there is none. It asks for this one alone: the
// kernel's list is that of all interfaces.
func (n *Namespace) Qdisc(l netlink.Link, parent uint32) (*Qdisc, error) {
	// It answers such a question as if it had been a change, and that only to
	// those who ask for an echo.
	req, err := n.request(unix.RTM_GETQDISC, unix.NLM_F_ACK|unix.NLM_F_ECHO)
	if err != nil {
		return nil, err
	}
	req.AddData(&nl.TcMsg{Family: unix.AF_UNSPEC, Ifindex: int32(l.Attrs().Index), Parent: parent})
	messages, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWQDISC)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up the qdisc of %q: %w", l.Attrs().Name, err)
	}
	if len(messages) == 0 { // never up until now
		return nil, nil
	}
	attrs, err := nl.ParseRouteAttr(messages[0][nl.SizeofTcMsg:])
	if err != nil {
		return nil, fmt.Errorf("read the qdisc of %q: %w", l.Attrs().Name, err)
	}
	q := &Qdisc{Handle: nl.DeserializeTcMsg(messages[0]).Handle}
	for _, attr := range attrs {
		switch attr.Attr.Type &^ unix.NLA_F_NESTED {
		case nl.TCA_KIND:
			q.Kind = strings.TrimRight(string(attr.Value), "\x00")
		case nl.TCA_OPTIONS:
			q.Options = attr.Value
		}
	}
	return q, nil
}
