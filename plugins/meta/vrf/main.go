// Command vrf puts a container's interface into a VRF.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/meta/vrf/vrf"
)

func main() { plugin.Main(vrf.Plugin) }
