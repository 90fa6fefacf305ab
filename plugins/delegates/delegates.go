// Package delegates has the IPAM plugins that are linked into the executables of those that
// call them, so that they need not be started as processes: all that do their work by
// themselves.
package delegates

import (
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/hostlocal"
	"github.com/containernetworking/plugins/plugins/ipam/static/static"
)

// All are these plugins.
var All = []*plugin.Plugin{&hostlocal.Plugin, &static.Plugin}
