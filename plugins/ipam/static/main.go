// Command static is the CNI plugin that gives a container the addresses that
// its configuration names.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/ipam/static/static"
)

func main() { plugin.Main(static.Plugin) }
