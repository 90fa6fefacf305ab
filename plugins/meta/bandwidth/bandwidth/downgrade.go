package bandwidth

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/sandbox"
)

// downgrade is the command that leaves upstream's DEL nothing that it does not find. It
// knows one device for all interfaces that a container has in a network. So the limits for
// which there are others move to the container's end, and go with that. Devices of
// interfaces that are gone are deleted.
func downgrade(args []string) error {
	if err := plugin.NoArguments(args); err != nil {
		return err
	}
	host, err := link.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	all, err := host.OfKind(ifbKind)
	if err != nil {
		return err
	}
	moved, gone := 0, 0
	var errs []error
	for _, device := range all {
		if !owner.IsTag(device.Attrs().Alias) {
			continue
		}
		l, err := shapedBy(host, device)
		switch {
		case err != nil:
		case l == nil:
			err = host.Delete(device.Attrs().Name, ifbKind)
			gone++
		case isSpare(device):
			err = moveInside(host, l, device)
			moved++
		}
		errs = append(errs, err)
	}
	if err := plugin.Join(errs...); err != nil {
		return err
	}
	if err := os.RemoveAll(notesDir); err != nil {
		return fmt.Errorf("forget notes: %w", err)
	}
	plugin.Downgraded(moved, gone)
	return nil
}

// isSpare reports whether a device of ours has the name that upstream's DEL does not look
// for. Its tag may be too long to tell whose it is; but its address is made from that name.
func isSpare(device netlink.Link) bool {
	mac, err := hex.DecodeString(strings.TrimPrefix(device.Attrs().Name, ifbPrefix))
	return err == nil && len(mac) > 0 && bytes.Equal(local(mac), device.Attrs().HardwareAddr)
}

// moveInside gives the container's end of a pair the bucket of a device, before nothing is
// redirected to that any longer.
func moveInside(host *link.Namespace, l, device netlink.Link) error {
	container, err := beyond(host, l)
	if err != nil {
		return fmt.Errorf("move the limit of %s: %w", device.Attrs().Name, err)
	}
	defer container.Close()
	end, err := container.LinkByIndex(link.PeerIndex(l))
	if err == nil {
		err = copyBucket(host, l, device, container, end)
	}
	if err != nil {
		return fmt.Errorf("move the limit of %s: %w", device.Attrs().Name, err)
	}
	if err := unredirect(host, l, []netlink.Link{device}); err != nil {
		return err
	}
	return host.Delete(device.Attrs().Name, ifbKind)
}

// copyBucket does nothing where there is one, as a downgrade that was killed leaves it. Which of the
// traffic it limits is told by the filters of the host's end.
func copyBucket(from *link.Namespace, hostEnd, device netlink.Link, to *link.Namespace, l netlink.Link) error {
	have, err := bucketOf(from, device, netlink.HANDLE_ROOT)
	if err != nil {
		return err
	}
	b := &bucket{rate: have.rate, limit: uint64(have.limit), burst: have.burst()}
	q, err := from.Qdisc(device, inBucket)
	if err != nil {
		return err
	}
	if q != nil && slices.Contains(disciplines(), q.Kind) {
		b.discipline = discipline(q.Kind)
	}
	if b.scope, err = scopeOf(from, hostEnd); err != nil || b.checkLeaving(to, l) == nil {
		return err
	}
	return b.applyToLeaving(to, l)
}

// scopeOf reads what of that which arrives at an interface is limited.
func scopeOf(n *link.Namespace, l netlink.Link) (scope, error) {
	filters, err := filtersOf(n, l, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return scope{}, err
	}
	s := scope{end: destination}
	for _, f := range ours(filters, func(f filter) bool { return f.class == ourMark }) {
		s.networks = append(s.networks, f.parse())
		s.only = f.device != 0
	}
	return s, nil
}

// isInside reports whether the bucket is where moveInside puts it.
func (b *bucket) isInside(container *link.Namespace, ifName string) bool {
	l, err := container.LinkByName(ifName)
	return err == nil && b.checkLeaving(container, l) == nil
}

// beyond opens the namespace in which a pair has its other end.
func beyond(host *link.Namespace, l netlink.Link) (*link.Namespace, error) {
	for path := range sandbox.Paths() {
		space, err := ns.GetNS(path)
		if ns.IsGone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if id, err := host.GetNetNsIdByFd(int(space.Fd())); err == nil && id == l.Attrs().NetNsID {
			return link.At(space)
		}
		space.Close()
	}
	return nil, fmt.Errorf("the container of %s is not found", l.Attrs().Name)
}
