// Package loan lends devices of the host to containers. A record says how a device
// was, so that it comes back as it was from wherever it is by then.
package loan

import (
	"errors"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/record"
)

// Loan is a device in a container, with what it takes to bring it back.
type Loan struct {
	owner.Attachment
	// Netns is where the container's namespace was at ADD.
	Netns  string       `json:"netns"`
	Device *link.Origin `json:"device"`
	// Network is nil if the device takes nothing of the host's network along.
	Network *Network `json:"network,omitempty"`
}

// New returns the loan, which is yet to begin, of a device of the host to an
// attachment whose namespace is at netns.
func New(host *link.Namespace, device netlink.Link, a owner.Attachment, netns string) (*Loan, error) {
	origin, err := host.Origin(device)
	if err != nil {
		return nil, err
	}
	return &Loan{Attachment: a, Netns: netns, Device: origin}, nil
}

// Begin notes the loan down and moves the device, which it returns as it is in the
// container: down, under the name of the attachment's interface. Who moves it is the
// last who has it: of two who try at once, the other one fails. After an error End
// takes back what was done.
func (l *Loan) Begin(host, container *link.Namespace) (netlink.Link, error) {
	if err := l.save(); err != nil {
		return nil, err
	}
	lent, err := l.Device.Lend(host, container, l.IfName)
	if err != nil {
		return nil, err
	}
	if l.Device.Namespace, err = container.Cookie(); err != nil {
		return nil, err
	}
	if err := l.save(); err != nil {
		return nil, err
	}
	return lent, l.supersede()
}

// supersede removes the records of others who had the device.
func (l *Loan) supersede() error {
	others, err := l.others()
	for _, other := range others {
		err = errors.Join(err, record.Remove(other.path()))
	}
	return err
}

// others returns the loans to others who have or had the device, which is not each
// of its name: that is free for another one while it is away.
func (l *Loan) others() ([]*Loan, error) {
	loans, err := of(l.Device.Name)
	return slices.DeleteFunc(loans, func(other *Loan) bool {
		return other.Attachment == l.Attachment || !other.Device.Same(l.Device)
	}), err
}
