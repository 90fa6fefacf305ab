package iface

import (
	"fmt"
	"os"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/ipam"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// del removes the interface and what belongs to it on the host, and gives the
// addresses back when nothing uses them any longer, or before if that needs the
// interface. It goes on after an error: what it can release, it releases.
func (v verbs) del(args *plugin.CmdArgs) error {
	conf, err := plugin.Network(args.StdinData)
	if err != nil {
		return err
	}
	host, err := link.Host()
	if err != nil {
		return err
	}
	container, opened := openIfThere(args.Netns)
	a := &Attachment{
		Attachment: owner.Attachment{Network: conf.Name, ContainerID: args.ContainerID, IfName: args.IfName},
		Args:       args,
		Host:       host,
		Container:  container,
		Result:     &current.Result{},
	}
	defer a.close()
	d := v.loadForDel(args.StdinData)
	known, unknown := former(d, a)
	present := a.Attachment
	if known != present {
		fmt.Fprintf(os.Stderr, "go on with network %s: it had that name when interface %s was added\n", known.Network, a.IfName)
		a.Attachment = known
		// The IPAM plugin keeps addresses by the name in the configuration.
		renamed, err := with(args, "name", known.Network)
		unknown = plugin.Join(unknown, err, release(d, a, renamed))
		a.Attachment = present // the name may be of a tag, which is the container's to change
	}
	return plugin.Join(opened, unknown, release(d, a, args))
}

// release removes what the attachment has under one name of its network.
func release(d Driver, a *Attachment, args *plugin.CmdArgs) error {
	delegate, err := ipam.Find(d.base().IPAM.Type, args)
	call := delegate.Start("DEL")
	giveBack := func() error { plugin.Step("delegate"); return call.Wait() }
	remove := func() error { plugin.Step("remove"); return d.Remove(a) }
	if d.base().releasesThroughInterface() {
		return plugin.Join(err, giveBack(), remove())
	}
	removed := remove()
	return plugin.Join(removed, err, giveBack())
}

// Recorder is a Driver with records of what outlives the container's interface. By them
// it returns the attachment under the name that its network had at ADD.
type Recorder interface {
	Former(a owner.Attachment) (owner.Attachment, error)
}

// former returns the attachment under the name that its network had at ADD: somebody may
// have changed it since.
func former(d Driver, a *Attachment) (owner.Attachment, error) {
	if a.Host.MayHavePair(a.Attachment) {
		return a.Attachment, nil
	}
	if a.Container != nil {
		if known, ok := a.Attachment.Former(link.TagOf(a.Host, a.Container, a.IfName)); ok {
			return known, nil
		}
	}
	if r, ok := d.(Recorder); ok {
		return r.Former(a.Attachment)
	}
	return a.Attachment, nil
}

// openIfThere opens the container's namespace. What is at the path may be a
// plain file or nothing by now, which is nothing to speak of: all that was in the
// namespace is gone with it. One that is there but cannot be entered is an error.
func openIfThere(path string) (*link.Namespace, error) {
	if path == "" {
		return nil, nil
	}
	container, err := link.Open(path)
	if ns.IsGone(err) {
		return nil, nil
	}
	return container, err
}

// gc does for the whole network what DEL does for an attachment that is not
// among the valid ones.
func (v verbs) gc(args *plugin.CmdArgs) error {
	d := v.loadForDel(args.StdinData)
	valid, err := plugin.ValidAttachments(args.StdinData)
	if err != nil || valid == nil {
		return err
	}
	host, err := link.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	plugin.Step("collect")
	collected := d.Collect(host, d.base().Name, valid)
	delegate, err := ipam.Find(d.base().IPAM.Type, args)
	plugin.Step("delegate")
	return plugin.Join(collected, err, delegate.GC())
}

// status tells whether an ADD could succeed now (CNI specification 1.1,
// "STATUS"), with code 50 if not.
func (v verbs) status(args *plugin.CmdArgs) error {
	d, err := v.load(args.StdinData)
	if err != nil {
		return err
	}
	delegate, err := ipam.Find(d.base().IPAM.Type, args)
	if err != nil {
		return err
	}
	plugin.Step("look")
	if err := available(d); err != nil {
		return plugin.Errorf(types.ErrPluginNotAvailable, "%w", err)
	}
	plugin.Step("delegate")
	return delegate.Status()
}

func available(d Driver) error {
	if err := ns.MayEnter(); err != nil {
		return err
	}
	host, err := link.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	return d.Available(host)
}
