// Package static gives a container the addresses, routes and DNS settings that
// stand in its configuration. It keeps no state and does not look at the
// container.
package static

import (
	"os"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// Plugin answers the verbs for static. There is nothing to release, so that DEL and
// GC do nothing, whatever the configuration looks like by then.
var Plugin = plugin.Plugin{
	Name:     "static",
	CNIFuncs: plugin.CNIFuncs{Add: add, Check: check, Del: nothing, Status: status},
}

func add(args *plugin.CmdArgs) error {
	conf, err := load(args.StdinData)
	if err != nil {
		return err
	}
	plugin.NameSlips(os.Stderr, args.StdinData, conf)
	result, err := conf.result(args.Args)
	if err != nil {
		return err
	}
	return plugin.Add(args, func(*plugin.Attachment) (*current.Result, error) { return result, nil })
}

func nothing(*plugin.CmdArgs) error { return nil }

// status tells whether the configuration is one that ADD accepts.
func status(args *plugin.CmdArgs) error {
	conf, err := load(args.StdinData)
	if err == nil {
		_, err = conf.result("")
	}
	if err != nil {
		return plugin.Errorf(types.ErrPluginNotAvailable, "%w", err)
	}
	return nil
}
