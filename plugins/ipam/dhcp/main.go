// Command dhcp is the CNI plugin that gets addresses from a DHCP server, and the
// daemon that keeps them.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp"
)

func main() { plugin.Main(dhcp.Plugin) }
