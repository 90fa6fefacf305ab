// Command firewall lets the traffic of containers through the host's firewall.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/meta/firewall/firewall"
)

func main() { plugin.Main(firewall.Plugin) }
