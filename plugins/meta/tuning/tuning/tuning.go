// Package tuning sets sysctls and attributes of a container's interface, and puts
// back what was there before.
package tuning

import (
	_ "embed" // for help and schema
	"net"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/chained"
	"github.com/containernetworking/plugins/pkg/netdev"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
	kernel "github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// Plugin answers the verbs for tuning.
//
//schema:args MAC hardware address of the container's interface, which overrides the key mac. Other keys need IgnoreUnknown=true.
//schema:command downgrade gives what running containers have the form of containernetworking/plugins, before a way back to that.
var Plugin = chained.Kind{
	Name:      "tuning",
	NewDriver: func() chained.Driver { return new(Conf) },
	Unchained: "Required prevResult missing",
	Unchecked: "Required prevResult missing",
}.Plugin().WithAbout(&help, &schema).With("downgrade", downgrade).WithHoldings(holdings)

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

func (c *Conf) directory() directory { return directory(c.DataDir) }

// Add sets what the configuration wants. What was there before is recorded first.
func (c *Conf) Add(a *chained.Attachment) error {
	allowed, err := readAllowList()
	if err != nil {
		return err
	}
	return c.tune(a, func(d *device, want settings) error {
		if err := want.resolve(a.IfName, allowed); err != nil || want.isEmpty() {
			return err
		}
		if err := netdev.CheckMTU(want.MTU, networks(a)); err != nil {
			return plugin.Errorf(types.ErrInvalidNetworkConfig, "%w", err)
		}
		if err := c.set(a, d, want); err != nil {
			return err
		}
		c.report(a, want)
		return nil
	})
}

// networks are the addresses that the interface has, or may have.
func networks(a *chained.Attachment) []*net.IPNet {
	var list []*net.IPNet
	for _, ip := range a.IPs() {
		list = append(list, &ip.Address)
	}
	return list
}

// tune runs f on the device, with what is wanted of it.
func (c *Conf) tune(a *chained.Attachment, f func(d *device, want settings) error) error {
	if err := validateName(a.IfName); err != nil {
		return err
	}
	want, err := c.wanted(a.Args.Args)
	if err != nil {
		return err
	}
	err = onDevice(a.Args.Netns, a.IfName, func(d *device) error { return f(d, want) })
	if ns.IsGone(err) {
		return plugin.Errorf(types.ErrInvalidNetNS, "%w", err)
	}
	return err
}

func (c *Conf) set(a *chained.Attachment, d *device, want settings) error {
	before, err := d.read(want)
	if err != nil {
		return err
	}
	old, err := c.directory().load(a.Attachment, d.id)
	if err != nil {
		return err
	}
	b := &backup{Attachment: a.Attachment, identity: d.id, settings: before, Path: a.Args.Netns, Since: sinceBoot()}
	if old != nil { // the first backup is the one to put back
		b.settings, b.Shared, b.Since = old.settings.orElse(before), old.Shared, old.Since
	}
	a.Undo(func() error { return c.undo(a, before, old, b) })
	if err := c.directory().save(b); err != nil {
		return err
	}
	return d.apply(want)
}

// sinceBoot is CLOCK_BOOTTIME, in nanoseconds.
func sinceBoot() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) // which cannot fail
	return now.Nano()
}

// undo puts back what was before an ADD, and the files that were.
func (c *Conf) undo(a *chained.Attachment, before settings, old, b *backup) error {
	err := onDevice(a.Args.Netns, a.IfName, func(d *device) error { return d.restore(before, false) })
	if err != nil && !ns.IsGone(err) {
		return err
	}
	return c.directory().putBack(old, b)
}

// report puts what has changed into the result. The key mtu came with version
// 1.1.0 of the specification.
func (c *Conf) report(a *chained.Attachment, want settings) {
	reportsMTU, _ := version.GreaterThanOrEqualTo(c.CNIVersion, "1.1.0")
	for _, i := range a.Result.Interfaces {
		if i.Name != a.IfName {
			continue
		}
		if want.MAC != "" {
			i.Mac = want.MAC
		}
		if want.MTU != 0 && reportsMTU {
			i.Mtu = want.MTU
		}
	}
}

// Check compares what the configuration wants with what is there.
func (c *Conf) Check(a *chained.Attachment) error {
	return c.tune(a, func(d *device, want settings) error {
		if err := want.resolve(a.IfName, nil); err != nil {
			return err
		}
		return d.compare(want)
	})
}

// Remove puts back what was there before, if it is the same interface still, and
// forgets it.
func (c *Conf) Remove(a *chained.Attachment) error {
	if err := validateName(a.IfName); err != nil {
		return err
	}
	known, err := record.Former(c.DataDir, recordSuffix, a.Attachment)
	if err != nil {
		return err
	}
	return c.release(known, a.Args.Netns, func(*device) bool { return true })
}

// release puts back what was there before on the device in the namespace at path, if it
// is the one, and forgets it.
func (c *Conf) release(a owner.Attachment, path string, isIt func(*device) bool) error {
	err := onDevice(path, a.IfName, func(d *device) error {
		if !isIt(d) {
			return nil
		}
		b, err := c.directory().load(a, d.id)
		if err != nil || b == nil {
			return err
		}
		if err := c.directory().bequeath(b); err != nil {
			return err
		}
		return c.restore(d, b)
	})
	if err != nil && !ns.IsGone(err) {
		return err
	}
	return c.directory().forget(a)
}

// restore puts back what is in the backup. What is busy may not be so a moment later (isPassing):
// the first DEL that meets it fails, for the runtime to come again.
func (c *Conf) restore(d *device, b *backup) error {
	err := d.restore(b.settings, b.Busy)
	if isPassing(err) {
		b.Busy = true
		err = plugin.Join(err, c.directory().save(b))
	}
	return err
}

// Collect does what Remove does for the network's attachments that are not valid, where
// the container is there still.
func (c *Conf) Collect(network string, valid []owner.Attachment) error {
	return c.directory().each(owner.Stale(network, valid), func(path string, b *backup) error {
		if b == nil {
			return record.Remove(path)
		}
		return c.release(b.Attachment, b.Path, func(d *device) bool { return d.id.Netns == b.Netns })
	})
}

// Available returns what an ADD would miss. One that sets nothing needs no place for
// a backup, and one without sysctls none that can be set: here it is one that all kernels
// have, as what ADD sets may be there in containers alone.
func (c *Conf) Available() error {
	_, err := readAllowList()
	want, _ := c.wanted("")
	if !want.isEmpty() {
		err = plugin.Join(err, record.Writable(c.DataDir))
	}
	if len(want.Sysctls) > 0 {
		err = plugin.Join(err, kernel.Settable("net/ipv4/ip_forward"))
	}
	return err
}
