package iface

import (
	"encoding/json"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// taker is a Driver whose interface may have brought addresses along.
type taker interface {
	// Taken returns them. They are the last ones of the result of ADD.
	Taken(a owner.Attachment) ([]netlink.Addr, error)
}

// forDelegate returns a CHECK for the IPAM plugin, which would miss what others have
// given: its prevResult has the rest.
func forDelegate(d Driver, args *plugin.CmdArgs) (*plugin.CmdArgs, error) {
	t, ok := d.(taker)
	if !ok {
		return args, nil
	}
	taken, err := t.Taken(owner.Attachment{Network: d.base().Name, ContainerID: args.ContainerID, IfName: args.IfName})
	if err != nil || len(taken) == 0 {
		return args, err
	}
	result, err := plugin.PrevResult(args.StdinData)
	if err != nil || result == nil {
		return args, err
	}
	for _, addr := range slices.Backward(taken) {
		last := len(result.IPs) - 1
		if last >= 0 && result.IPs[last].Address.String() == addr.IPNet.String() {
			result.IPs = result.IPs[:last]
		}
	}
	converted, err := result.GetAsVersion(d.base().CNIVersion)
	if err != nil {
		return args, err
	}
	return with(args, "prevResult", converted)
}

// with returns the arguments with another value of a key in the configuration.
func with(args *plugin.CmdArgs, key string, value any) (*plugin.CmdArgs, error) {
	var conf map[string]json.RawMessage
	if err := json.Unmarshal(args.StdinData, &conf); err != nil {
		return args, plugin.Errorf(types.ErrDecodingFailure, "%w", err)
	}
	var err error
	if conf[key], err = json.Marshal(value); err != nil {
		return args, err
	}
	changed := *args
	changed.StdinData, err = json.Marshal(conf)
	return &changed, err
}
