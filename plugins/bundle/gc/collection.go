package gc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/plugins/bundle/libcni"
)

// collection is the removal of what attachments have.
type collection struct {
	options
	networks []libcni.Network
	live     []libcni.Attachment
	report   *report
}

// remove deletes an attachment that is gone, with the configuration that it was added
// with. By DEL, which names it: what is added meanwhile is not touched.
func (c collection) remove(a libcni.Attachment) error {
	n, err := libcni.Added(a, c.networks, c.confDir)
	if err != nil {
		return fmt.Errorf("%s: %w", a.Owner(), err)
	}
	if bool(n.DisableGC) || !a.IsAsRead() {
		return nil
	}
	if c.dryRun {
		c.report.remove(a.Owner())
		return nil
	}
	for _, conf := range slices.Backward(n.Plugins) {
		plugin, err := n.Plugin(c.binDir, conf, a)
		if err == nil {
			err = plugin.Del()
		}
		if err != nil {
			return fmt.Errorf("%s: DEL of %s: %w", a.Owner(), conf.Get("type"), err)
		}
	}
	c.report.remove(a.Owner())
	if a.Path == "" {
		return nil
	}
	return record.Remove(a.Path)
}

// sweep has the plugins remove whatever is of none of the live attachments. It must not
// run beside an ADD, which has not told libcni of its attachment yet.
func (c collection) sweep() error {
	strangers, err := c.netns.Strangers(c.live)
	if err != nil {
		return err
	}
	if len(strangers) > 0 {
		c.report.Strangers = strangers
		c.report.say("left what no attachment is known of: there may be attachments of namespaces of which %s does not tell: %s",
			c.cacheDir, strings.Join(strangers, ", "))
		return nil
	}
	var errs []error
	for _, n := range c.networks {
		for _, of := range n.Plugins {
			if n.DisableGC {
				continue
			}
			if err := c.gc(n, of); err != nil {
				errs = append(errs, fmt.Errorf("GC of %s in network %s: %w", of.Get("type"), n.Name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// gcVersion is the first one of the specification that has the verb GC.
const gcVersion = "1.1.0"

// gc calls the verb of a plugin, whatever version the network has: nothing of the
// configuration means something else in another one. In networks of earlier versions a
// plugin need not know it.
func (c collection) gc(n libcni.Network, of libcni.Conf) error {
	valid := c.valid(n.Name)
	told := collected{n.Name, of.Get("type"), len(valid)}
	if c.dryRun {
		c.report.collect(told)
		return nil
	}
	knows, err := version.GreaterThanOrEqualTo(n.Version, gcVersion)
	if err != nil {
		return err
	}
	v := gcVersion
	if knows {
		v = n.Version
	}
	// The specification had the other name by mistake.
	keys := map[string]any{"cni.dev/valid-attachments": valid, "cni.dev/attachments": valid}
	n.Version = v
	plugin, err := n.Call(c.binDir, of, keys, plugin.CmdArgs{})
	if err != nil {
		return err
	}
	err = plugin.GC()
	var refusal *types.Error
	if !knows && errors.As(err, &refusal) && (refusal.Code == types.ErrIncompatibleCNIVersion || refusal.Code == types.ErrInvalidEnvironmentVariables) {
		return nil
	}
	if err == nil {
		c.report.collect(told)
	}
	return err
}

// valid returns the live attachments of a network: never nil, which would be no list.
func (c collection) valid(network string) []types.GCAttachment {
	valid := []types.GCAttachment{}
	for _, a := range c.live {
		if a.Network == network {
			valid = append(valid, types.GCAttachment{ContainerID: a.ContainerID, IfName: a.IfName})
		}
	}
	return valid
}
