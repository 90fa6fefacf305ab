// Command loopback is the CNI plugin that sets up a container's interface lo.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/main/loopback/loopback"
)

func main() { plugin.Main(loopback.Plugin) }
