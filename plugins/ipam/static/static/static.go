// Package static gives a container the addresses, routes and DNS settings that
// stand in its configuration. It keeps no state and does not look at the
// container.
package static

import (
	_ "embed" // for help and schema
	"os"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// Plugin answers the verbs for static. There is nothing to release, so that DEL and
// GC do nothing, whatever the configuration looks like by then.
//
//schema:ignores strictCheck
//schema:args IP addresses in CIDR notation, with commas between, behind those of ipam.addresses. Other keys need IgnoreUnknown=true.
//schema:args GATEWAY gateways, with commas between, for addresses in whose subnet they are and that have none.
var Plugin = plugin.Plugin{
	Name:     "static",
	Help:     &help,
	Schema:   &schema,
	Validate: validate,
	CNIFuncs: plugin.CNIFuncs{Add: add, Check: check, Del: nothing, Status: status},
}

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

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

// validate is the plugin's Validate.
func validate(stdin []byte) error {
	conf, err := load(stdin)
	if err == nil {
		_, err = conf.result("")
	}
	return err
}

func nothing(*plugin.CmdArgs) error { return nil }

// status tells whether the configuration is one that ADD accepts.
func status(args *plugin.CmdArgs) error {
	if err := validate(args.StdinData); err != nil {
		return plugin.Errorf(types.ErrPluginNotAvailable, "%w", err)
	}
	return nil
}
