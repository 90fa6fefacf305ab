// Package commands is the plugin host-local with its commands, for persons and services. They
// are no part of package hostlocal, which is also in the executables of plugins that call
// host-local, where they would be 0.2 MB more to load.
package commands

import "github.com/containernetworking/plugins/plugins/ipam/host-local/hostlocal"

// Plugin is host-local with commands.
var Plugin = hostlocal.Plugin.With("list", list).With("usage", usage)
