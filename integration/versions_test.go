package integration

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// The life of an attachment in every version of the specification: ADD answers
// in the version's shape, CHECK agrees and touches nothing, DEL restores the
// host, and again does no harm.
func TestVersions(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for _, v := range s.versions() {
			t.Run(v, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				s.prepare(t, n)
				c := s.container(t, n, "c")
				before := n.State(t, c)
				call := s.call(v, c.Path)
				result := n.Must(t, "ADD", call)
				if err := shape(v, result); err != nil {
					t.Errorf("%v:\n%s", err, result)
				}
				call = call.With("prevResult", result)
				check(t, n, c, v, call)
				for range 2 {
					if out := n.Must(t, "DEL", call); len(out) > 0 {
						t.Errorf("DEL prints %q", out)
					}
				}
				expectRestored(t, n, before, "after DEL", c)
			})
		}
	})
}

// check calls CHECK, which versions before 0.4.0 do not have.
func check(t *testing.T, n *node.Node, c *node.Container, v string, call node.Call) {
	t.Helper()
	before := n.State(t, c)
	out := n.Run(t, "CHECK", call)
	err := out.Err()
	if has, _ := version.GreaterThanOrEqualTo(v, "0.4.0"); has {
		if err != nil || len(out.Stdout)+len(out.Stderr) > 0 {
			t.Errorf("CHECK: %v, stdout %q, stderr %q", err, out.Stdout, out.Stderr)
		}
	} else if e, ok := err.(*types.Error); !ok || e.Code != types.ErrIncompatibleCNIVersion {
		t.Errorf("CHECK: got %v, want code %d", err, types.ErrIncompatibleCNIVersion)
	}
	if diff := hoststate.Diff(before, n.State(t, c), late()); diff != "" {
		t.Errorf("CHECK changed something:\n%s", diff)
	}
}

// late matches what the kernel gives a link some time after it has come up: its
// link-local address and, without a carrier, also the local routes of others.
func late() *regexp.Regexp {
	return regexp.MustCompile(` (fe80::|ff00::/8)|routes: table 255 [0-9a-f:]+/128 `)
}

// shape tells what a result has that results of its version do not have, or the
// other way round.
func shape(v string, raw []byte) error {
	if _, err := version.NewResult(v, raw); err != nil {
		return err
	}
	var result map[string]json.RawMessage
	if err := json.Unmarshal(raw, &result); err != nil {
		return err
	}
	keys := []string{"cniVersion", "interfaces", "ips", "routes", "dns"}
	if old, _ := version.GreaterThan("0.3.0", v); old {
		keys = []string{"cniVersion", "ip4", "ip6", "dns"}
	}
	for key := range result {
		if !slices.Contains(keys, key) {
			return fmt.Errorf("result of %s has %q", v, key)
		}
	}
	if got := string(result["cniVersion"]); got != `"`+v+`"` {
		return fmt.Errorf("result says cniVersion %s, want %q", got, v)
	}
	hasFamily := strings.Contains(string(result["ips"]), `"version"`)
	if new, _ := version.GreaterThanOrEqualTo(v, "1.0.0"); result["ips"] != nil && hasFamily == new {
		return fmt.Errorf("result of %s: ips with version: %v", v, hasFamily)
	}
	return nil
}
