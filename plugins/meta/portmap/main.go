// Command portmap is the CNI plugin that makes ports of a container reachable
// through its host.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/meta/portmap/portmap"
)

func main() { plugin.Main(portmap.Plugin) }
