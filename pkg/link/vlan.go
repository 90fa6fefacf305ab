package link

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
)

// VLANs are those that a port of a bridge is in.
type VLANs struct {
	// Native is the VLAN of untagged frames. 0 means that the port drops them.
	Native uint16
	// Untagged are further VLANs whose frames leave the port without a tag.
	Untagged []uint16
	// Tagged are those whose frames have a tag.
	Tagged VLANSet
}

// SetNativeVLAN makes a VLAN that of the port's untagged frames, in place of the
// one that is it.
func (n *Namespace) SetNativeVLAN(port netlink.Link, vlan uint16) error {
	return n.BridgeVlanAdd(port, vlan, true, true, false, true)
}

// AddTaggedVLANs takes the port into VLANs whose frames have a tag, a message
// for each range.
func (n *Namespace) AddTaggedVLANs(port netlink.Link, set VLANSet) error {
	for _, r := range set {
		var err error
		if r.First == r.Last {
			err = n.BridgeVlanAdd(port, r.First, false, false, false, true)
		} else {
			err = n.BridgeVlanAddRange(port, r.First, r.Last, false, false, false, true)
		}
		if err != nil {
			return fmt.Errorf("add VLANs %v: %w", r, err)
		}
	}
	return nil
}

// RemoveVLAN takes the port out of a VLAN.
func (n *Namespace) RemoveVLAN(port netlink.Link, vlan uint16) error {
	return n.BridgeVlanDel(port, vlan, false, false, false, true)
}

// VLANs returns those of a port. The kernel has no way to leave out the other
// ports' (but RTM_GETVLAN since 5.6).
func (n *Namespace) VLANs(port netlink.Link) (VLANs, error) {
	all, err := n.BridgeVlanList()
	if err != nil {
		return VLANs{}, fmt.Errorf("list VLANs: %w", err)
	}
	var vlans VLANs
	for _, info := range all[int32(port.Attrs().Index)] {
		vlans.add(info)
	}
	return vlans, nil
}

func (v *VLANs) add(info *nl.BridgeVlanInfo) {
	switch {
	case info.PortVID():
		v.Native = info.Vid
	case info.EngressUntag():
		v.Untagged = append(v.Untagged, info.Vid)
	default:
		v.Tagged = v.Tagged.With(info.Vid, info.Vid)
	}
}

// Equal compares the VLANs themselves.
func (v VLANs) Equal(w VLANs) bool {
	return v.Native == w.Native && slices.Equal(v.Untagged, w.Untagged) && slices.Equal(v.Tagged, w.Tagged)
}

// String lists the VLANs in the words of bridge(8).
func (v VLANs) String() string {
	var words []string
	if v.Native != 0 {
		words = append(words, fmt.Sprintf("%d PVID untagged", v.Native))
	}
	for _, vlan := range v.Untagged {
		words = append(words, fmt.Sprintf("%d untagged", vlan))
	}
	for _, r := range v.Tagged {
		words = append(words, r.String())
	}
	return strings.Join(words, ", ")
}
