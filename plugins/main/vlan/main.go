// Command vlan is the CNI plugin that connects a container by a VLAN interface.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/delegates"
	"github.com/containernetworking/plugins/plugins/main/vlan/vlan"
)

func main() { plugin.Main(vlan.Plugin, delegates.All...) }
