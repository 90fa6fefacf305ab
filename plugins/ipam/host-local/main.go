// Command host-local is a CNI plugin that gives out addresses of configured
// ranges and keeps them on the host's disk.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/commands"
)

func main() { plugin.Main(commands.Plugin) }
