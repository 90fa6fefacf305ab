// Command bandwidth is the CNI plugin that limits the rates at which a container
// receives and sends.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/meta/bandwidth/bandwidth"
)

func main() { plugin.Main(bandwidth.Plugin) }
