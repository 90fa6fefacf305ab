package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/node"
)

// messageNames are of those types of messages that testdata/messages.txt has.
var messageNames = map[string]int{
	"NEWLINK": unix.RTM_NEWLINK, "DELLINK": unix.RTM_DELLINK, "GETLINK": unix.RTM_GETLINK, "SETLINK": unix.RTM_SETLINK,
	"NEWADDR": unix.RTM_NEWADDR, "GETADDR": unix.RTM_GETADDR, "NEWROUTE": unix.RTM_NEWROUTE, "GETROUTE": unix.RTM_GETROUTE,
	"nft-tables": unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETTABLE,
}

// Verbs send the messages that testdata/messages.txt gives a reason for, in its order, and no
// other ones.
func TestMessages(t *testing.T) {
	t.Parallel()
	want := explainedMessages(t)
	if !kernelIs(t, echoesSince) {
		for _, verb := range []string{"ptp ADD", "bridge ADD"} {
			made := slices.Index(want[verb], fmt.Sprintf("type %#x", unix.RTM_NEWLINK))
			want[verb] = slices.Insert(want[verb], made+1, fmt.Sprintf("type %#x", unix.RTM_GETLINK))
		}
	}
	for _, test := range []struct{ plugin, keys string }{
		{"ptp", dualStack},
		{"bridge", `"bridge": "br0", "isGateway": true, ` + dualStack},
		{"loopback", `"ipam": {}`},
		{"bandwidth", `"capabilities": {"bandwidth": true}`},
	} {
		t.Run(test.plugin, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c := n.Container(t, "c")
			if test.plugin == "loopback" {
				c.Exec(t, "sh", "-ec", "ip link set lo down && ip addr flush dev lo") // as it is born
			}
			call := node.Call{
				Plugin: test.plugin, ContainerID: "c", Netns: c.Path, IfName: "eth0",
				Config: fmt.Sprintf(`{"cniVersion": %q, "name": "net", "type": %q, %s}`, latest, test.plugin, test.keys),
			}
			if test.plugin == "bandwidth" {
				call = call.With("prevResult", fmt.Appendf(nil, `{"cniVersion": %q, "interfaces": [{"name": "eth0", "sandbox": %q}]}`, latest, c.Path))
			}
			if test.plugin == "bridge" { // whose first ADD makes what all share
				n.Must(t, "ADD", call)
				n.Must(t, "DEL", call)
			}
			sent := func(verb string) []string { _, cost := n.Cost(t, verb, call); return cost.Sent }
			added := sent("ADD")
			// One that finds the kernel busy looks again at what it waits for.
			for tries := 1; len(added) > len(want[test.plugin+" ADD"]) && tries < 10; tries++ {
				n.Must(t, "DEL", call)
				added = sent("ADD")
			}
			for _, step := range []struct {
				name string
				sent []string
			}{{"ADD", added}, {"DEL", sent("DEL")}, {"DEL again", sent("DEL")}} {
				name := test.plugin + " " + step.name
				if diff := cmp.Diff(want[name], step.sent); diff != "" {
					t.Errorf("%s (-testdata/messages.txt +sent):\n%s", name, diff)
				}
			}
		})
	}
}

// portmap and firewall have rtnetlink answer at most where a packet would go to, for which the
// kernel takes no lock: what they need of the interface is in prevResult.
func TestChainedWithoutRtnetlink(t *testing.T) {
	t.Parallel()
	eachOf(t, slices.DeleteFunc(slices.Clone(subjects), func(s subject) bool {
		return s.needs != nil || s.services != nil || s.plugin != "portmap" && s.plugin != "firewall"
	}), func(t *testing.T, s subject) {
		n := node.New(t)
		s.prepare(t, n)
		call := s.call(latest, s.container(t, n, "c").Path)
		result, cost := n.Cost(t, "ADD", call)
		sent := cost.Sent
		for _, verb := range []string{"CHECK", "DEL", "DEL"} {
			_, cost := n.Cost(t, verb, call.With("prevResult", result))
			sent = append(sent, cost.Sent...)
		}
		for _, message := range sent {
			var kind int
			fmt.Sscanf(message, "type 0x%x", &kind)
			// Those of nftables that begin and end a transaction have the numbers of two.
			isBatch := kind == unix.NFNL_MSG_BATCH_BEGIN || kind == unix.NFNL_MSG_BATCH_END
			if kind >= unix.RTM_BASE && kind <= unix.RTM_MAX && !isBatch && kind != unix.RTM_GETROUTE {
				t.Errorf("message of rtnetlink: %s", message)
			}
		}
	})
}

// explainedMessages reads the table: the messages of each verb as the tracer names them.
func explainedMessages(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/messages.txt")
	if err != nil {
		t.Fatal(err)
	}
	all, verb := map[string][]string{}, ""
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, " "):
			kind, ok := messageNames[fields[0]]
			if !ok {
				t.Fatalf("unknown message %q", line)
			}
			all[verb] = append(all[verb], fmt.Sprintf("type %#x", kind))
		default:
			verb = strings.TrimSuffix(strings.TrimSpace(line), ":")
		}
	}
	return all
}
