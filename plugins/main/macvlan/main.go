// Command macvlan is the CNI plugin that connects a container by a macvlan
// interface.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/delegates"
	"github.com/containernetworking/plugins/plugins/main/macvlan/macvlan"
)

func main() { plugin.Main(macvlan.Plugin, delegates.All...) }
