// Package commands is the plugin host-local with what is for persons and services. That is no
// part of package hostlocal, which is also in the executables of plugins that call
// host-local, where it would be 0.2 MB more to load.
package commands

import "github.com/containernetworking/plugins/plugins/ipam/host-local/hostlocal"

// Plugin is host-local with commands, and what it holds.
var Plugin = hostlocal.Plugin.With("list", list).With("usage", usage).WithHoldings(holdings)
