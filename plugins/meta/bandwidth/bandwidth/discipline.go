package bandwidth

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

// disciplines are the kernel's that may say which of the packets that wait for their turn
// in a bucket is the next one: each flow has its own, and no queue stays long.
func disciplines() []string { return []string{"fq_codel", "cake"} }

// discipline is one of them, or "" for the order of arrival. It only orders: the rate is
// the bucket's, and what downs or removes the bucket does so with it.
type discipline string

func (d discipline) validate() error {
	if d == "" || slices.Contains(disciplines(), string(d)) {
		return nil
	}
	return fmt.Errorf("discipline %q is unknown: there are %q", string(d), disciplines())
}

// inBucket is where it is: the one class of the bucket.
var inBucket = netlink.MakeHandle(1, 1)

// apply puts it into the interface's bucket.
func (d discipline) apply(n *link.Namespace, l netlink.Link) error {
	if d == "" {
		return nil
	}
	err := n.QdiscAdd(&netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: netlink.MakeHandle(2, 0), Parent: inBucket},
		QdiscType:  string(d),
	})
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("create qdisc of %q: the kernel lacks %s: %w", l.Attrs().Name, d, err)
	}
	if err != nil {
		return fmt.Errorf("create qdisc %s of %q: %w", d, l.Attrs().Name, err)
	}
	return nil
}

// check returns an error if it is not in the interface's bucket.
func (d discipline) check(n *link.Namespace, l netlink.Link) error {
	if d == "" {
		return nil
	}
	q, err := n.Qdisc(l, inBucket)
	if err == nil && (q == nil || q.Kind != string(d)) {
		err = fmt.Errorf("interface %s has no qdisc %s in its tbf", l.Attrs().Name, d)
	}
	return err
}
