package link

import (
	"github.com/containernetworking/plugins/pkg/owner"
)

// TagOf returns the owner's tag of a container's interface, which a veth pair has at its
// other end, on the host, out of the container's reach; "" if there is none. By it DEL finds the name that the
// attachment's network had at ADD: see owner.Attachment.Former.
func TagOf(host, container *Namespace, name string) string {
	if container.Lacks(name) {
		return ""
	}
	l, err := container.LinkByName(name)
	if err != nil {
		return ""
	}
	if l.Type() == "veth" {
		if l, err = host.LinkByIndex(PeerIndex(l)); err != nil {
			return ""
		}
	}
	if alias := l.Attrs().Alias; owner.IsTag(alias) {
		return alias
	}
	return ""
}

// TagAt is TagOf in the namespace at path. There is none where that cannot be opened: most
// of what a container has outside is found without.
func TagAt(path, name string) string {
	container, err := Open(path)
	if err != nil {
		return ""
	}
	defer container.Close()
	host, err := Host()
	if err != nil {
		return ""
	}
	defer host.Close()
	return TagOf(host, container, name)
}
