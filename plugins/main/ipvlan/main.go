// Command ipvlan is the CNI plugin that connects a container by an ipvlan
// interface.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/delegates"
	"github.com/containernetworking/plugins/plugins/main/ipvlan/ipvlan"
)

func main() { plugin.Main(ipvlan.Plugin, delegates.All...) }
