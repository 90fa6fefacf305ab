// Command ptp is the CNI plugin that connects a container by a routed veth pair.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/delegates"
	"github.com/containernetworking/plugins/plugins/main/ptp/ptp"
)

func main() { plugin.Main(ptp.Plugin, delegates.All...) }
