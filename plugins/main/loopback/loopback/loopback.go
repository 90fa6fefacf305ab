// Package loopback sets a container's interface lo up and down.
package loopback

import (
	_ "embed" // for help and schema

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Plugin answers the verbs for loopback. It leaves nothing that GC could collect.
//
//schema:conf
var Plugin = plugin.Plugin{
	Name:     "loopback",
	Help:     &help,
	Schema:   &schema,
	CNIFuncs: plugin.CNIFuncs{Add: add, Check: check, Del: del, Status: status},
}

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

// add sets lo up, and down again if something fails then and it was down.
func add(args *plugin.CmdArgs) error {
	prev, err := plugin.PrevResult(args.StdinData)
	if err != nil {
		return err
	}
	lo, err := open(args.Netns)
	if err != nil {
		return err
	}
	defer lo.close()
	return plugin.Add(args, func(a *plugin.Attachment) (*current.Result, error) {
		changed, err := lo.set(true)
		if err != nil {
			return nil, err
		}
		if changed {
			a.Undo(func() error { _, err := lo.set(false); return err })
		}
		if prev != nil {
			return prev, nil
		}
		return report(lo, args.Netns)
	})
}

// report returns the result: the interface and its first loopback address of
// each family. Other addresses of lo are none of ours.
func report(lo *device, sandbox string) (*current.Result, error) {
	addresses, err := lo.addresses()
	if err != nil {
		return nil, err
	}
	var v4, v6 *current.IPConfig
	for _, address := range addresses {
		ip := &current.IPConfig{Interface: current.Int(0), Address: *address}
		switch {
		case !address.IP.IsLoopback():
		case address.IP.To4() != nil && v4 == nil:
			v4 = ip
		case address.IP.To4() == nil && v6 == nil:
			v6 = ip
		}
	}
	result := &current.Result{
		Interfaces: []*current.Interface{{Name: name, Mac: "00:00:00:00:00:00", Sandbox: sandbox}},
	}
	for _, ip := range []*current.IPConfig{v4, v6} {
		if ip != nil {
			result.IPs = append(result.IPs, ip)
		}
	}
	return result, nil
}

// del sets lo down. It reads no configuration, and does nothing if the
// namespace is gone, or is the one that the plugin itself runs in.
func del(args *plugin.CmdArgs) error {
	if args.Netns == "" {
		return nil
	}
	lo, err := open(args.Netns)
	if ns.IsGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lo.close()
	own, err := ns.IsCurrent(args.Netns)
	if err != nil || own {
		return err
	}
	_, err = lo.set(false)
	return err
}

func status(*plugin.CmdArgs) error {
	if err := ns.MayEnter(); err != nil {
		return plugin.Errorf(types.ErrPluginNotAvailable, "%w", err)
	}
	return nil
}
