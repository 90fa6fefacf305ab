// Command host-device is the CNI plugin that moves a device of the host into the
// container.
package main

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	_ "github.com/containernetworking/plugins/pkg/plugin/uniprocessor"
	"github.com/containernetworking/plugins/plugins/delegates"
	hostdevice "github.com/containernetworking/plugins/plugins/main/host-device/hostdevice"
)

func main() { plugin.Main(hostdevice.Plugin, delegates.All...) }
