// Package portmap makes ports of a container reachable through its host.
package portmap

import (
	_ "embed" // for help and schema
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/containernetworking/plugins/pkg/chained"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/sandbox"
)

// Plugin answers the verbs for portmap.
//
//schema:command repair makes again what was flushed of the packet filter, for containers that have it by the records in /run/cni.
//schema:command downgrade gives what running containers have the form of containernetworking/plugins, before a way back to that.
var Plugin = chained.Kind{
	Name:      "portmap",
	NewDriver: func() chained.Driver { return new(Conf) },
	Unchained: "must be called as chained plugin",
	Unchecked: "Required prevResult missing",
}.Plugin().WithAbout(&help, &schema).WithRepair(repair).With("downgrade", downgrade).WithHoldings(holdings)

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

// backend is one way to map ports. Its methods work in the network namespace of
// the calling thread.
type backend interface {
	// add makes what f needs and is not there. old is what the attachment had
	// before, or nil. The others, all of them older, want ports of it. The caller
	// holds the lock.
	add(f, old *forward, others []*forward) error
	// removeUnrecorded removes what an attachment without a record has.
	removeUnrecorded(a owner.Attachment) error
	// check returns one error for all that add made and that is not there, but for
	// ports of which an older attachment has all.
	check(f *forward, older []*forward) error
	// collect removes what attachments of the network have, unless they are among the
	// valid ones, as far as that needs no lock: of those with a record, which are stale,
	// and of others.
	collect(network string, valid []owner.Attachment, stale []*forward) error
	// repair makes what is not there of what all attachments of the backend have.
	// all are those of every backend, the oldest first. It returns those that it
	// has made anything for. The caller holds the lock.
	repair(all []*forward) ([]*forward, error)
	// downgrade gives what the attachments of the backend have upstream's form. all are
	// those of every backend, the oldest first. The caller holds the lock.
	downgrade(all []*forward) error
	// available returns what add would miss on this node.
	available() error
}

func (f *forward) backend() backend { return backendOf(f.Backend) }

func backendOf(name string) backend {
	if name == backendNFTables {
		return viaNFTables{}
	}
	return viaIPTables{}
}

func backends() []backend { return []backend{viaNFTables{}, viaIPTables{}} }

// Add maps the ports.
func (c *Conf) Add(a *chained.Attachment) error {
	f := c.newForward(a)
	if f.isEmpty() {
		if len(f.Mappings) > 0 {
			fmt.Fprintf(os.Stderr, "no port is mapped: the result has no address of interface %s\n", a.IfName)
		}
		return nil
	}
	var err error
	if f.Sandbox, err = sandbox.Of(a.Args.Netns, a.IfName); err != nil && !ns.IsGone(err) {
		return err
	}
	a.Undo(func() error { return f.undo() })
	if err := locked(func() error { return c.place(f) }); err != nil {
		return err
	}
	f.forgetStaleFlows()
	if err := f.openLocalhost(); err != nil {
		return fmt.Errorf("unable to enable route_localnet: %w", err)
	}
	return nil
}

// undo takes back what place did, which it has begun once there is a record.
func (f *forward) undo() error {
	made, err := readRecord(f.Attachment)
	if err != nil || made == nil {
		return err
	}
	return made.remove()
}

// place records the mappings and makes them. The caller has locked.
func (c *Conf) place(f *forward) error {
	old, err := readRecord(f.Attachment)
	if err != nil {
		return err
	}
	if old != nil && old.Backend != f.Backend {
		if err := plugin.Join(old.unmap(), old.release()); err != nil {
			return err
		}
		old = nil
	}
	if old != nil {
		f.Chain = old.Chain
	} else if err := f.chooseChain(); err != nil {
		return err
	}
	others, err := f.contenders(old)
	if err != nil {
		return err
	}
	f.Since = since(old, others)
	if others, err = bury(others); err != nil {
		return err
	}
	others = slices.DeleteFunc(others, func(other *forward) bool { return !other.Since.Before(f.Since) })
	if err := c.judge(f, others); err != nil {
		return err
	}
	if err := claim(f, old); err != nil {
		return err
	}
	if err := f.write(); err != nil {
		return errors.Join(err, claim(old, f))
	}
	if err := f.backend().add(f, old, others); err != nil || old == nil {
		return err
	}
	return f.yield(old)
}

// yield gives ports that the attachment had as old to others that want them. The caller has
// locked.
func (f *forward) yield(old *forward) error {
	others, err := old.contenders(f)
	if err != nil || len(others) == 0 {
		return err
	}
	if err := (viaNFTables{}).give(old, slices.SortedFunc(slices.Values(append(others, f)), byAge)); err != nil {
		return err
	}
	old.forgetFlows()
	return nil
}

// since returns when an attachment came that was there as old or, if that is nil, is younger
// than all others, whose lock it has, even if somebody has set the clock back.
func since(old *forward, others []*forward) time.Time {
	if old != nil {
		return old.Since
	}
	since := time.Now().UTC() // UTC need not be read from a file
	for _, other := range others {
		if !other.Since.Before(since) {
			since = other.Since.Add(time.Nanosecond)
		}
	}
	return since
}

// bury unmaps those of the attachments whose containers are gone without a DEL, or with
// one of other plugins, and returns the others. The caller has locked.
func bury(all []*forward) ([]*forward, error) {
	var living []*forward
	var errs []error
	for _, f := range all {
		if !f.Sandbox.IsGone() {
			living = append(living, f)
			continue
		}
		errs = append(errs, f.unmap(), f.release())
		f.forgetFlows()
	}
	return living, plugin.Join(errs...)
}

// judge makes ports that another container has an error, or tells about them. A runtime
// may ask for the same ports for each network of a container.
func (c *Conf) judge(f *forward, older []*forward) error {
	for _, other := range older {
		err := f.conflict(other)
		if c.HostPortConflict != conflictIgnore && other.ContainerID != f.ContainerID {
			return err
		}
		fmt.Fprintf(os.Stderr, "%v, which keeps it\n", err)
	}
	return nil
}

// Remove unmaps the ports, whichever backend mapped them.
func (c *Conf) Remove(a *chained.Attachment) error {
	f, err := c.recordOf(a)
	if err != nil {
		return err
	}
	if f != nil {
		return f.remove()
	}
	var errs []error
	for _, b := range backends() {
		errs = append(errs, b.removeUnrecorded(a.Attachment))
	}
	if a.Result != nil {
		c.newForward(a).forgetFlows()
	}
	return plugin.Join(errs...)
}

// recordOf returns the attachment's record, be it that its network had another name at
// ADD, or nil. If the interface is not there to tell the name, that of the same interface
// of the same container is looked for, unless there never was a port to map.
func (c *Conf) recordOf(a *chained.Attachment) (*forward, error) {
	f, err := readRecord(a.Attachment)
	if f != nil || err != nil || !hasRecords() {
		return f, err
	}
	if known, ok := a.Attachment.Former(link.TagAt(a.Args.Netns, a.IfName)); ok {
		return readRecord(known)
	}
	if len(c.RuntimeConfig.PortMappings) == 0 {
		return nil, nil
	}
	all, err := records()
	for _, f := range all {
		if f.ContainerID == a.ContainerID && f.IfName == a.IfName && f.Sandbox.IsGone() {
			return f, nil
		}
	}
	return nil, err
}

// remove removes what the record says, unless another DEL, or the ADD of another container,
// has done so meanwhile.
func (f *forward) remove() error {
	err := record.Removing(directory, func() error {
		if err := f.unmap(); err != nil {
			return err
		}
		return locked(func() error {
			present, err := readRecord(f.Attachment)
			if err != nil || present == nil {
				return err
			}
			return present.release()
		})
	})
	if err != nil {
		return err
	}
	f.forgetFlows()
	return nil
}

// unmap removes what concerns nobody else, and so needs no lock. With iptables
// that is all, and others need not wait for it, 10 ms.
func (f *forward) unmap() error {
	if f.Backend == backendIPTables {
		return removeChains(f.Chain)
	}
	return nil
}

// release gives the ports to others that want them, and takes the record away.
// The caller has locked.
func (f *forward) release() error {
	others, err := f.contenders(f)
	if err != nil {
		return err
	}
	if f.Backend == backendNFTables || len(others) > 0 {
		if err := (viaNFTables{}).remove(f, others); err != nil {
			return err
		}
	}
	if err := f.forget(); err != nil {
		return err
	}
	return claim(nil, f)
}

// Check compares the rules with the configuration.
func (c *Conf) Check(a *chained.Attachment) error {
	f := c.newForward(a)
	if f.isEmpty() {
		return nil
	}
	f.Chain = chains(a.Attachment)[0]
	old, err := readRecord(a.Attachment)
	if err != nil {
		return err
	}
	if old == nil {
		return f.check() // made by upstream, without a guard
	}
	f.Backend, f.Chain, f.Since = old.Backend, old.Chain, old.Since // the default may be another backend by now
	return plugin.Join(f.check(), f.checkLocalhost())
}

// check compares the rules with what they have to be. A port that an older
// attachment has may be missing.
func (f *forward) check() error {
	err := f.backend().check(f, nil)
	if err == nil {
		return nil
	}
	older, readErr := records()
	if readErr != nil {
		return plugin.Join(err, readErr)
	}
	older = slices.DeleteFunc(older, func(other *forward) bool { return !other.Since.Before(f.Since) || other.Sandbox.IsGone() })
	return f.backend().check(f, older)
}

// Collect unmaps the ports of the network's attachments that are not valid.
func (c *Conf) Collect(network string, valid []owner.Attachment) error {
	all, err := records()
	if err != nil {
		return err
	}
	stale := slices.DeleteFunc(all, func(f *forward) bool {
		return f.Network != network || slices.Contains(valid, f.Attachment) && !f.Sandbox.IsGone()
	})
	errs := []error{record.Removing(directory, func() error {
		var errs []error
		for _, b := range backends() {
			errs = append(errs, b.collect(network, valid, stale))
		}
		return plugin.Join(errs...)
	})}
	for _, f := range stale {
		errs = append(errs, f.remove())
	}
	return plugin.Join(errs...)
}

// Available returns what an ADD would miss. Without mappings that is nothing: most
// attachments have none.
func (c *Conf) Available() error {
	if len(c.RuntimeConfig.PortMappings) == 0 {
		return nil
	}
	if err := backendOf(c.Backend).available(); err != nil {
		return err
	}
	if c.Backend == backendNFTables && (isGiven(c.ConditionsV4) || isGiven(c.ConditionsV6)) {
		if _, err := findNFT(); err != nil {
			return fmt.Errorf("conditions: %w", err)
		}
	}
	return plugin.Join(sandbox.Available(), record.Writable(directory))
}

func isGiven(conditions *[]string) bool { return conditions != nil && len(*conditions) > 0 }
