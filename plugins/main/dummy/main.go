// Command dummy is the CNI plugin.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/delegates"
	"github.com/containernetworking/plugins/plugins/main/dummy/dummy"
)

func main() { plugin.Main(dummy.Plugin, delegates.All...) }
