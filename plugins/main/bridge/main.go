// Command bridge is the CNI plugin that connects a container to a bridge of the
// host.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/delegates"
	"github.com/containernetworking/plugins/plugins/main/bridge/bridge"
)

func main() { plugin.Main(bridge.Plugin, delegates.All...) }
