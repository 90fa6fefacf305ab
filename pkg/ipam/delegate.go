// Package ipam runs the plugin that a network configuration names under
// ipam.type (CNI specification, section 4, "Delegation"), and applies what it
// returns.
package ipam

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// Delegate is an IPAM plugin, to be run for one call of its caller. The nil
// Delegate is that of a network without IPAM: its verbs do nothing.
type Delegate struct {
	path    string
	sibling *plugin.Plugin // the same, if it need not be started as a process
	args    *plugin.CmdArgs
}

// Find looks for the plugin called name in the directories of args.Path. An
// empty name gives the nil Delegate. Its errors have code 7 for a name that can
// be no plugin's, and 50 (not available) for one that is not there.
func Find(name string, args *plugin.CmdArgs) (*Delegate, error) {
	if name == "" {
		return nil, nil
	}
	if strings.ContainsRune(name, os.PathSeparator) {
		return nil, plugin.Errorf(types.ErrInvalidNetworkConfig, "invalid plugin name: %s", name)
	}
	dirs := filepath.SplitList(args.Path)
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return &Delegate{path, plugin.Sibling(path), args}, nil
		}
	}
	if len(dirs) == 0 {
		return nil, plugin.Errorf(types.ErrInvalidEnvironmentVariables, "no paths provided")
	}
	return nil, plugin.Errorf(types.ErrPluginNotAvailable, "failed to find plugin %q in path %s", name, dirs)
}

// Add runs ADD; see Call.Result.
func (d *Delegate) Add(ctx context.Context) (*current.Result, error) {
	return d.Start("ADD").Result(ctx)
}

// Check runs CHECK.
func (d *Delegate) Check() error { return d.run("CHECK") }

// Del runs DEL, also after a signal to terminate: it is what undoes Add.
func (d *Delegate) Del() error { return d.run("DEL") }

// GC runs GC.
func (d *Delegate) GC() error { return d.run("GC") }

// Status runs STATUS.
func (d *Delegate) Status() error { return d.run("STATUS") }

func (d *Delegate) run(command string) error {
	return d.Start(command).Wait()
}

// environ is the environment of the caller as it is, which may say more than the
// specification knows of. Only those of its CNI variables change whose value is
// another one in this call: the command, what a program chose that calls a
// plugin's verbs, and the place in a trace.
func (d *Delegate) environ(command string) []string {
	env := os.Environ()
	parent, state := plugin.TraceContext()
	for _, variable := range []struct{ name, value string }{
		{"CNI_COMMAND", command},
		{"CNI_CONTAINERID", d.args.ContainerID},
		{"CNI_NETNS", d.args.Netns},
		{"CNI_IFNAME", d.args.IfName},
		{"CNI_ARGS", d.args.Args},
		{"CNI_PATH", d.args.Path},
		{"CNI_NETNS_OVERRIDE", d.args.NetnsOverride},
		{plugin.TraceParent, parent},
		{plugin.TraceState, state},
	} {
		if os.Getenv(variable.name) == variable.value {
			continue
		}
		prefix := variable.name + "="
		env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, prefix) })
		if variable.value != "" {
			env = append(env, prefix+variable.value)
		}
	}
	return env
}
