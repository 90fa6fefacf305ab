package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// debian is where Debian's package has upstream's plugins, of release 1.1.1.
const debian = "/usr/lib/cni"

// upstreams returns the calls of our plugin, and of upstream's of the same name, in
// the latest version of the specification that both know. It skips the test where
// upstream's is not installed.
func upstreams(t *testing.T, call node.Call) (ours, theirs node.Call) {
	t.Helper()
	path := filepath.Join(debian, call.Plugin)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("upstream's plugins are not installed: %v", err)
	}
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	ours = call
	ours.Config = strings.ReplaceAll(call.Config, `"`+latest+`"`, `"1.0.0"`)
	theirs = ours
	if theirs.Plugin, err = filepath.Rel(bin, path); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// upstream calls upstream's plugin of the same name.
func upstream(t *testing.T, n *node.Node, verb string, call node.Call) {
	t.Helper()
	_, theirs := upstreams(t, call)
	n.Must(t, verb, theirs)
}

// eachWay runs a test twice: with upstream's plugin for ADD and ours for the other
// verbs, and the other way round. The test gets a function that returns the calls
// of both.
func eachWay(t *testing.T, test func(t *testing.T, sides func(node.Call) (adds, deletes node.Call))) {
	t.Parallel()
	t.Run("upstream's ADD", func(t *testing.T) {
		t.Parallel()
		test(t, func(call node.Call) (adds, deletes node.Call) {
			ours, theirs := upstreams(t, call)
			return theirs, ours
		})
	})
	t.Run("upstream's DEL", func(t *testing.T) {
		t.Parallel()
		test(t, func(call node.Call) (adds, deletes node.Call) { return upstreams(t, call) })
	})
}
