// Command tuning is the CNI plugin that sets sysctls and attributes of a
// container's interface.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/meta/tuning/tuning"
)

func main() { plugin.Main(tuning.Plugin) }
