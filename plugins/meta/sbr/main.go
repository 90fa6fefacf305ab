// Command sbr routes what comes from a container's interface back through it.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/meta/sbr/sbr"
)

func main() { plugin.Main(sbr.Plugin) }
