//go:build !noskel

package plugin

import "github.com/containernetworking/cni/pkg/skel"

// CmdArgs is what a runtime passes to a verb, and CNIFuncs are the verbs of a plugin: the CNI
// library's own types, for programs that call plugins as a library.
type (
	CmdArgs  = skel.CmdArgs
	CNIFuncs = skel.CNIFuncs
)
