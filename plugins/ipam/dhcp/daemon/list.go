package daemon

import (
	"cmp"
	"slices"
	"time"

	"github.com/containernetworking/plugins/plugins/ipam/dhcp/config"
)

// List is the answer to rpc.Leases: a JSON list of Entry.
type List struct{ JSON []byte }

// Entry is a lease for a person to read.
type Entry struct {
	ContainerID string    `json:"containerID"`
	Network     string    `json:"network"`
	IfName      string    `json:"ifName"`
	Netns       string    `json:"netns"`
	State       string    `json:"state"`
	Address     string    `json:"address,omitempty"`
	Gateway     string    `json:"gateway,omitempty"`
	Server      string    `json:"server,omitempty"`
	Renew       time.Time `json:"renew,omitzero"`
	Expiry      time.Time `json:"expiry,omitzero"`
	// IPv6 has the addresses from DHCPv6, StateIPv6 is their State.
	IPv6      []string `json:"ipv6,omitempty"`
	StateIPv6 string   `json:"stateIPv6,omitempty"`
	// Ignored counts packets that were received but no answer.
	Ignored uint64 `json:"ignored"`
}

// list returns all leases, in the order of their keys.
func (d *Daemon) list() []Entry {
	bindings := d.all()
	slices.SortFunc(bindings, func(a, b *binding) int {
		return cmp.Compare(config.Key(a.attachment), config.Key(b.attachment))
	})
	entries := make([]Entry, len(bindings))
	for i, b := range bindings {
		entries[i] = b.entry()
	}
	return entries
}

func (b *binding) entry() Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := Entry{
		ContainerID: b.attachment.ContainerID,
		Network:     b.attachment.Network,
		IfName:      b.record.Name,
		Netns:       b.record.Netns,
		State:       b.keepers[0].state,
		Ignored:     b.ignored4.Load() + b.ignored6.Total(),
	}
	if lease := b.record.V4; lease != nil {
		e.Address, e.Server, e.Renew, e.Expiry = lease.Address.String(), lease.Server.String(), lease.Renew, lease.Expiry
		if lease.Gateway.IsValid() {
			e.Gateway = lease.Gateway.String()
		}
	}
	if len(b.keepers) > 1 {
		e.StateIPv6 = b.keepers[1].state
	}
	if lease := b.record.V6; lease != nil {
		for _, a := range lease.Addresses {
			e.IPv6 = append(e.IPv6, a.IP.String())
		}
	}
	return e
}
