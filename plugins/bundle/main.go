// Command bundle is all plugins of this suite in one binary, which answers to
// the name that it is called by, as through a link. An IPAM plugin that is in it
// as well runs in the same process. By its own name, cni-plugins, it has commands for the
// person who runs the node.
package main

import (
	"os"
	"path/filepath"

	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/bundle/agent"
	"github.com/containernetworking/plugins/plugins/bundle/all"
	"github.com/containernetworking/plugins/plugins/bundle/cli"
	"github.com/containernetworking/plugins/plugins/bundle/doctor"
	"github.com/containernetworking/plugins/plugins/bundle/gc"
	"github.com/containernetworking/plugins/plugins/bundle/install"
	"github.com/containernetworking/plugins/plugins/bundle/show"
	"github.com/containernetworking/plugins/plugins/bundle/validate"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp"
	hostlocal "github.com/containernetworking/plugins/plugins/ipam/host-local/commands"
	"github.com/containernetworking/plugins/plugins/ipam/static/static"
	"github.com/containernetworking/plugins/plugins/main/bridge/bridge"
	"github.com/containernetworking/plugins/plugins/main/dummy/dummy"
	hostdevice "github.com/containernetworking/plugins/plugins/main/host-device/hostdevice"
	"github.com/containernetworking/plugins/plugins/main/ipvlan/ipvlan"
	"github.com/containernetworking/plugins/plugins/main/loopback/loopback"
	"github.com/containernetworking/plugins/plugins/main/macvlan/macvlan"
	"github.com/containernetworking/plugins/plugins/main/ptp/ptp"
	"github.com/containernetworking/plugins/plugins/main/tap/tap"
	"github.com/containernetworking/plugins/plugins/main/vlan/vlan"
	"github.com/containernetworking/plugins/plugins/meta/bandwidth/bandwidth"
	"github.com/containernetworking/plugins/plugins/meta/firewall/firewall"
	"github.com/containernetworking/plugins/plugins/meta/portmap/portmap"
	"github.com/containernetworking/plugins/plugins/meta/sbr/sbr"
	"github.com/containernetworking/plugins/plugins/meta/tuning/tuning"
	"github.com/containernetworking/plugins/plugins/meta/vrf/vrf"
)

// plugins is what the bundle answers to: a line for each plugin.
var plugins = []*plugin.Plugin{
	&bandwidth.Plugin,
	&bridge.Plugin,
	&dhcp.Plugin,
	&dummy.Plugin,
	&firewall.Plugin,
	&hostdevice.Plugin,
	&hostlocal.Plugin,
	&ipvlan.Plugin,
	&loopback.Plugin,
	&macvlan.Plugin,
	&portmap.Plugin,
	&ptp.Plugin,
	&sbr.Plugin,
	&static.Plugin,
	&tap.Plugin,
	&tuning.Plugin,
	&vlan.Plugin,
	&vrf.Plugin,
}

// commands are those of the executable's own name.
func commands(name string) []cli.Command {
	return []cli.Command{
		agent.Command(),
		all.Downgrade(plugins),
		all.List(plugins),
		all.Repair(plugins),
		all.Version(name),
		doctor.Command(plugins),
		gc.Command(),
		install.Command(plugins),
		show.Command(plugins),
		validate.Command(plugins),
	}
}

func main() {
	plugin.Bundle(func(args []string) int {
		name := filepath.Base(os.Args[0])
		return cli.Program{
			Name: name, Summary: "the plugins for container networks, and what they hold on this node",
			Commands: commands(name), Plugins: plugins,
		}.Run(args)
	}, plugins...)
}
