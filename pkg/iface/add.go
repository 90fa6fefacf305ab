package iface

import (
	"fmt"
	"os"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/ipam"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// add checks all that it can before it changes anything, makes the interface
// (dhcp needs it, and a name that is taken must cost no address, least of all those
// of the attachment that has it), gets its addresses, and configures it.
func (v verbs) add(args *plugin.CmdArgs) error {
	if err := link.CheckName(args.IfName); err != nil {
		return plugin.Errorf(types.ErrInvalidEnvironmentVariables, "CNI_IFNAME: %w", err)
	}
	d, err := v.load(args.StdinData)
	if err != nil {
		return err
	}
	plugin.NameSlips(os.Stderr, args.StdinData, d)
	if !d.base().HasIPAM() && v.isForAddresses() {
		fmt.Fprintf(os.Stderr, "%s: no \"ipam\" in the network configuration: the container gets no address\n", v.name)
	}
	delegate, err := ipam.Find(d.base().IPAM.Type, args)
	if err != nil {
		return err
	}
	call := delegate.Start("ADD")
	defer call.Abandon()
	a, err := d.base().open(args)
	if err != nil {
		return err
	}
	defer a.close()
	return plugin.Add(args, func(tx *plugin.Attachment) (*current.Result, error) {
		a.Undo, a.Context = tx.Undo, tx.Context()
		if d.base().addressesAnyInterface() && a.Container.Lacks(a.IfName) {
			call.Begin()
		}
		if !d.base().releasesThroughInterface() { // last of all
			a.Undo(a.giveBack)
		}
		plugin.Step("create")
		if err := d.Create(a); err != nil {
			return nil, err
		}
		if d.base().releasesThroughInterface() {
			a.Undo(a.giveBack)
		}
		plugin.Step("delegate")
		if err := a.address(delegate, call); err != nil {
			return nil, err
		}
		d.base().DefaultRoute.Apply(a.Result)
		plugin.Step("configure")
		if err := d.base().CheckIPv6(a, a.link.Attrs().MTU); err != nil {
			return nil, err
		}
		if dns := d.base().DNS; isGiven(dns) {
			a.Result.DNS = dns
		}
		if err := d.Configure(a); err != nil {
			return nil, err
		}
		return a.Result, nil
	})
}

// isForAddresses reports whether hardly anybody means an interface of this plugin to be
// without addresses. Without a word, that would look like success.
func (v verbs) isForAddresses() bool {
	return v.name == "ptp" || v.name == "macvlan" || v.name == "ipvlan"
}

// address lets the IPAM plugin, if there is one, do its work, and takes over its
// result.
func (a *Attachment) address(delegate *ipam.Delegate, call *ipam.Call) error {
	if delegate == nil {
		return nil
	}
	result, err := call.Result(a.Context)
	if err != nil {
		return err
	}
	a.holder = delegate
	if len(result.IPs) == 0 && !a.Addressed {
		return plugin.Errorf(types.ErrInternal, "IPAM plugin returned missing IP config")
	}
	a.Result.IPs, a.Result.Routes = result.IPs, result.Routes
	if isGiven(result.DNS) {
		a.Result.DNS = result.DNS
	}
	for _, ip := range a.Result.IPs {
		ip.Interface = current.Int(a.index)
	}
	a.noteMTU(result.Interfaces)
	return nil
}

// giveBack undoes what address did.
func (a *Attachment) giveBack() error { return a.holder.Del() }

// noteMTU takes over an MTU that the IPAM plugin has given the interface, as dhcp
// does when its server has one.
func (a *Attachment) noteMTU(reported []*current.Interface) {
	for _, r := range reported {
		if own := a.Result.Interfaces[a.index]; r.Name == own.Name && r.Mtu > 0 && own.Mtu > 0 {
			own.Mtu = r.Mtu
		}
	}
}

// isGiven reports whether a configuration has any field of dns, be it an empty
// list: that overrides what the IPAM plugin returned.
func isGiven(dns types.DNS) bool {
	return dns.Nameservers != nil || dns.Domain != "" || dns.Search != nil || dns.Options != nil
}
