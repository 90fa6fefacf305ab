// Command firewall lets the traffic of containers through the host's firewall.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/meta/firewall/firewall"
)

func main() { plugin.Main(firewall.Plugin) }
