package gc

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/pkg/ipam"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
)

// collection is the removal of what attachments have.
type collection struct {
	options
	networks []network
	live     []attachment
}

// remove deletes an attachment that is gone, with the configuration that it was added
// with. By DEL, which names it: what is added meanwhile is not touched.
func (c collection) remove(a attachment) error {
	n, err := c.network(a)
	if err != nil {
		return fmt.Errorf("%s: %w", a.owner(), err)
	}
	if bool(n.DisableGC) || !a.isAsRead() {
		return nil
	}
	if c.dryRun {
		fmt.Printf("would remove %s\n", a.owner())
		return nil
	}
	for _, conf := range slices.Backward(n.Plugins) {
		if err := c.del(n, conf, a); err != nil {
			return fmt.Errorf("%s: DEL of %s: %w", a.owner(), conf.get("type"), err)
		}
	}
	fmt.Printf("removed %s\n", a.owner())
	if a.path == "" {
		return nil
	}
	return record.Remove(a.path)
}

// network returns the one that an attachment was added to, or that has its name now.
func (c collection) network(a attachment) (*network, error) {
	if a.Config != nil {
		n, err := parseNetwork(a.Config)
		return &n, err
	}
	if n := find(c.networks, a.Network); n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("there is no configuration in %s", c.confDir)
}

// del calls a plugin as a runtime does (CNI specification, section 4, "DEL").
func (c collection) del(n *network, of conf, a attachment) error {
	keys := map[string]any{}
	if knows, err := version.GreaterThanOrEqualTo(n.Version, "0.4.0"); err == nil && knows && a.Result != nil {
		keys["prevResult"] = a.Result
	}
	var capabilities map[string]bool
	_ = json.Unmarshal(of["capabilities"], &capabilities)
	arguments := maps.Clone(a.CapabilityArgs)
	maps.DeleteFunc(arguments, func(capability string, _ json.RawMessage) bool { return !capabilities[capability] })
	if len(arguments) > 0 {
		keys["runtimeConfig"] = arguments
	}
	pairs := make([]string, len(a.Args))
	for i, pair := range a.Args {
		pairs[i] = pair[0] + "=" + pair[1]
	}
	args := plugin.CmdArgs{ContainerID: a.ContainerID, Netns: a.Netns, IfName: a.IfName, Args: strings.Join(pairs, ";")}
	plugin, err := c.plugin(n.Name, n.Version, of, keys, args)
	if err != nil {
		return err
	}
	return plugin.Del()
}

// plugin returns the one that a configuration is for. If it is in this executable, it
// need not be started.
func (c collection) plugin(name, version string, of conf, keys map[string]any, args plugin.CmdArgs) (*ipam.Delegate, error) {
	keys["name"], keys["cniVersion"] = name, version
	for key, value := range of {
		if _, ok := keys[key]; !ok {
			keys[key] = value
		}
	}
	var err error
	if args.StdinData, err = json.Marshal(keys); err != nil {
		return nil, err
	}
	args.Path = c.binDir
	return ipam.Find(of.get("type"), &args)
}

// sweep has the plugins remove whatever is of none of the live attachments. It must not
// run beside an ADD, which has not told libcni of its attachment yet.
func (c collection) sweep() error {
	strangers, err := c.strangers(c.live)
	if err != nil {
		return err
	}
	if len(strangers) > 0 {
		fmt.Printf("left what no attachment is known of: there may be attachments of namespaces of which %s does not tell: %s\n",
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
				errs = append(errs, fmt.Errorf("GC of %s in network %s: %w", of.get("type"), n.Name, err))
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
func (c collection) gc(n network, of conf) error {
	valid := c.valid(n.Name)
	if c.dryRun {
		fmt.Printf("would call GC of %s in network %s with %d valid attachments\n", of.get("type"), n.Name, len(valid))
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
	plugin, err := c.plugin(n.Name, v, of, keys, plugin.CmdArgs{})
	if err != nil {
		return err
	}
	err = plugin.GC()
	var refusal *types.Error
	if !knows && errors.As(err, &refusal) && (refusal.Code == types.ErrIncompatibleCNIVersion || refusal.Code == types.ErrInvalidEnvironmentVariables) {
		return nil
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
