package plugin

import (
	"fmt"
	"net/netip"

	"github.com/containernetworking/plugins/pkg/owner"
)

// Holding is something on the node that belongs to an attachment, as the plugin knows it
// that made it: for a person who asks what there is, and whose.
type Holding struct {
	// Attachment is the owner, as far as it is known: upstream's state may lack the
	// interface, the network, or both.
	owner.Attachment
	// Prefix is the owner's, where that is all that is known of it, and Address one of
	// its addresses, where there is nothing else.
	Prefix  string
	Address netip.Addr
	// Kind is what it is in a word or two: "interface", "lease", "ports".
	Kind string
	// What says in a line what it is exactly.
	What string
	// Gone says that the container is certainly not there any longer, by what the plugin
	// has noted of it.
	Gone bool
}

// WithHoldings returns the plugin with what tells what attachments have.
func (p Plugin) WithHoldings(holdings func(known []owner.Attachment) ([]Holding, error)) Plugin {
	p.Holdings = holdings
	return p
}

// Tagged returns a holding whose owner is in a tag (owner.Attachment.Tag), which may have
// been cut off.
func Tagged(tag, kind, format string, args ...any) Holding {
	h := Holding{Kind: kind, What: fmt.Sprintf(format, args...)}
	if a, ok := owner.OfTag(tag); ok {
		h.Attachment = a
	} else {
		h.Prefix = tag[:min(owner.PrefixLen, len(tag))]
	}
	return h
}
