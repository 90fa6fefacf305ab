// Package runtimes holds the tests in which container runtimes call the plugins: containerd,
// asked as the kubelet asks it, Podman, and cnitool. It is a module of its own, so that what
// talks to runtimes stays out of the plugins' dependencies.
//
// With -short, containerd is Debian's and there is less of everything. Otherwise
// $CNI_TEST_RUNTIMES is the folder of a later containerd and of cnitool. $CNI_TEST_BIN is
// that of the plugins.
package runtimes
