package show

import (
	"cmp"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/netdev"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/bundle/libcni"
)

// State is what has become of an attachment.
type State string

// An attachment is Gone if its namespace or its interface is, and Unowned if nothing tells
// of it but what it has left.
const (
	Alive   State = "alive"
	Gone    State = "gone"
	Unowned State = "unowned"
)

// Attachment is one interface of a container, with all that belongs to it on the node. What
// is not known of its name is empty.
type Attachment struct {
	Network     string `json:"network,omitempty"`
	ContainerID string `json:"containerID,omitempty"`
	IfName      string `json:"ifName,omitempty"`
	// Prefix is that of the owner where its name is not known.
	Prefix string `json:"prefix,omitempty"`
	// Netns is the path of the namespace, as far as the runtime has told it.
	Netns    string    `json:"netns,omitempty"`
	State    State     `json:"state"`
	Holdings []Holding `json:"holdings"`

	// Cached is what the runtime knows; nil if that is nothing.
	Cached *libcni.Attachment `json:"-"`
	// Bare says that the namespace is there, and the interface, which no program drives, is not.
	Bare      bool `json:"-"`
	addresses []netip.Addr
	// gone and paired say what plugins know: that the container is gone, or that the
	// other end of a pair is somewhere.
	gone, paired bool
}

// Holding is one thing that belongs to an attachment.
type Holding struct {
	Kind string `json:"kind"`
	What string `json:"what"`
}

// Is reports whether a person means the attachment by a word: its network, or the
// container's ID or the beginning of that.
func (a *Attachment) Is(word string) bool {
	return a.Network == word || a.IsOf(word)
}

// IsOf reports whether it is an attachment of the container with an ID that begins with that.
func (a *Attachment) IsOf(id string) bool { return strings.HasPrefix(a.ContainerID, id) }

// String names the attachment in a list of several.
func (a *Attachment) String() string {
	return cmp.Or(a.Network, "-") + "/" + short(a) + "/" + cmp.Or(a.IfName, "-")
}

// owns reports whether a holding may be the attachment's by all that is known of both.
func (a *Attachment) owns(h plugin.Holding) bool {
	name := owner.Attachment{Network: a.Network, ContainerID: a.ContainerID, IfName: a.IfName}
	switch {
	case h.Prefix != "":
		return a.Prefix == h.Prefix || a.ContainerID != "" && name.Prefix() == h.Prefix
	case h.ContainerID == "":
		return h.Address.IsValid() && slices.Contains(a.addresses, h.Address)
	}
	return a.ContainerID == h.ContainerID &&
		(h.Network == "" || a.Network == h.Network) &&
		(h.IfName == "" || a.IfName == h.IfName)
}

func (a *Attachment) add(h plugin.Holding) {
	shown := Holding{h.Kind, h.What}
	if !slices.Contains(a.Holdings, shown) {
		a.Holdings = append(a.Holdings, shown)
	}
	if h.Address.IsValid() {
		a.addresses = append(a.addresses, h.Address)
	}
	a.gone = a.gone || h.Gone
	a.paired = a.paired || h.Kind == "interface"
}

// fromCache returns an attachment that a runtime knows, with its interface and addresses.
func fromCache(c libcni.Attachment) *Attachment {
	a := &Attachment{Network: c.Network, ContainerID: c.ContainerID, IfName: c.IfName, Netns: c.Namespace(), Cached: &c}
	a.addresses = c.Addresses()
	var texts []string
	for _, address := range a.addresses {
		texts = append(texts, address.String())
	}
	if texts != nil {
		a.Holdings = append(a.Holdings, Holding{"addresses", strings.Join(texts, " ")})
	}
	return a
}

// judge sets the state.
func (a *Attachment) judge(where libcni.Directories, host bool, present map[netip.Addr]bool) {
	switch {
	case a.Cached != nil && where.IsGone(a.Netns, host):
		a.State = Gone
	case a.Cached != nil:
		a.State = Alive
		if a.Bare = !a.Cached.IsOfProgram() && lacksInterface(where, a); a.Bare {
			a.State = Gone
			a.Holdings = append(a.Holdings, Holding{"missing", "interface " + a.IfName + " in the namespace"})
		} else if !a.paired {
			a.addReported()
		}
	case a.gone:
		a.State = Gone
	case a.paired, slices.ContainsFunc(a.addresses, func(address netip.Addr) bool { return present[address.Unmap()] }):
		a.State = Alive
	default:
		a.State = Unowned
	}
}

// addReported adds the interfaces of the host that the result of the ADD has, but bridges,
// which have their ports for owners.
func (a *Attachment) addReported() {
	for _, name := range a.Cached.HostInterfaces() {
		there, _ := netdev.Exists(name)
		_, errBridge := os.Stat(filepath.Join("/sys/class/net", name, "bridge"))
		if there && errBridge != nil {
			a.Holdings = append(a.Holdings, Holding{"interface", name + ", without a tag"})
		}
	}
}

// lacksInterface reports whether there is the namespace without the interface. What cannot
// be told is there.
func lacksInterface(where libcni.Directories, a *Attachment) bool {
	namespace, err := where.Open(a.Netns)
	if err != nil {
		return false
	}
	defer namespace.Close()
	there := true
	err = namespace.Do(func(ns.NetNS) (err error) {
		there, err = netdev.Exists(a.IfName)
		return err
	})
	return err == nil && !there
}
