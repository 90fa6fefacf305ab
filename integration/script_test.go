package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// Scripts in testdata/script, each on a node of its own with the plugins in PATH
// and in $BIN.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, params(t, "testdata/script", func(*testscript.Env, *node.Node) error { return nil }))
}

// Scripts in testdata/protocol, once for each subject: $PLUGIN is its name,
// $VERSIONS and the like are the versions of the specification that it knows,
// VERSION.json is its configuration for that version, and gc.json one with an
// empty list of valid attachments.
func TestProtocol(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		testscript.Run(t, params(t, "testdata/protocol", func(env *testscript.Env, n *node.Node) error {
			s.prepare(env.T().(testing.TB), n)
			known := s.versions()
			env.Setenv("VERSIONS", strings.Join(known, ", "))
			env.Setenv("QUOTED_VERSIONS", `"`+strings.Join(known, `","`)+`"`)
			env.Setenv("ESCAPED_VERSIONS", `\"`+strings.Join(known, `\" \"`)+`\"`)
			env.Setenv("PLUGIN", s.plugin)
			env.Setenv("IFNAME", s.ifName)
			configs := map[string]node.Call{"gc": s.call(latest, "c").With("cni.dev/valid-attachments", []byte("[]"))}
			for _, v := range append([]string{"1.0.1", "1.2.3.4", "9.0.0"}, versions...) {
				configs[v] = s.call(v, "c")
			}
			for name, call := range configs {
				path := filepath.Join(env.WorkDir, name+".json")
				if err := os.WriteFile(path, []byte(call.Config), 0o600); err != nil {
					return err
				}
			}
			return nil
		}))
	})
}

// params are the parameters of scripts that run on nodes. They have commands
// beside testscript's own:
//
//	printed [-n] FILE   standard output is the file, with -n less its last line
//	                    break, and with variables replaced; MAC and VETH in the
//	                    file stand for any of these
//	snapshot NAME       take a picture of the node
//	unchanged NAME      the node is as on the picture, but for what lasts
func params(t *testing.T, dir string, setup func(*testscript.Env, *node.Node) error) testscript.Params {
	return testscript.Params{
		Dir:                dir,
		RequireUniqueNames: true,
		WorkdirRoot:        t.TempDir(),
		Setup: func(env *testscript.Env) error {
			n := node.New(env.T().(testing.TB))
			if err := setup(env, n); err != nil {
				return err
			}
			bin, err := node.Bin()
			if err != nil {
				return err
			}
			env.Values["states"] = make(map[string]hoststate.State)
			env.Setenv("BIN", bin)
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
			// A script has a goroutine of its own.
			return n.Enter()
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"printed":   printed,
			"snapshot":  snapshot,
			"unchanged": unchanged,
		},
	}
}

func printed(ts *testscript.TestScript, neg bool, args []string) {
	cut := len(args) == 2 && args[0] == "-n"
	if neg || len(args) != 1 && !cut {
		ts.Fatalf("usage: printed [-n] FILE")
	}
	want := os.Expand(ts.ReadFile(args[len(args)-1]), ts.Getenv)
	if cut {
		want = strings.TrimSuffix(want, "\n")
	}
	got := ts.ReadFile("stdout")
	got = regexp.MustCompile(`\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b`).ReplaceAllString(got, "MAC")
	got = regexp.MustCompile(`\bveth[0-9a-f]{8}\b`).ReplaceAllString(got, "VETH")
	if got != want {
		ts.Fatalf("standard output is\n%q, want\n%q", got, want)
	}
}

func snapshot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: snapshot NAME")
	}
	ts.Value("states").(map[string]hoststate.State)[args[0]] = look(ts)
}

func unchanged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: unchanged NAME")
	}
	before, ok := ts.Value("states").(map[string]hoststate.State)[args[0]]
	if !ok {
		ts.Fatalf("there is no snapshot %s", args[0])
	}
	if diff := hoststate.Diff(before, look(ts), node.Lasting()); diff != "" {
		ts.Fatalf("since snapshot %s:\n%s", args[0], diff)
	}
}

// look takes a picture of the script's node, with the network namespaces that
// `ip netns` knows.
func look(ts *testscript.TestScript) hoststate.State {
	place := hoststate.Place{Netns: make(map[string]string), Files: []string{"/run", "/var/lib"}}
	names, err := filepath.Glob("/run/netns/*")
	ts.Check(err)
	for _, path := range names {
		place.Netns[filepath.Base(path)] = path
	}
	state, err := hoststate.Take(place)
	ts.Check(err)
	return state
}
