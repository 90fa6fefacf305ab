package node_test

import (
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/testutils"
)

// What others have below /run/netns, and remove at any time, is none of a node's state.
func TestNoNamespacesOfTheMachine(t *testing.T) {
	t.Parallel()
	others, err := testutils.NewNS()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := testutils.UnmountNS(others); err != nil {
			t.Error(err)
		}
	}()
	n := node.New(t)
	var paths []string
	if err := n.Do(func() (err error) { paths, err = hoststate.NetnsMounts(); return err }); err != nil || len(paths) > 0 {
		t.Errorf("a node sees %v, %v", paths, err)
	}
}
