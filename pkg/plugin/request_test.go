package plugin

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/utils"
	"github.com/containernetworking/cni/pkg/version"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/owner"
)

// outcome is what a runtime sees of a call, and what a verb does.
type outcome struct {
	Error  *types.Error
	Stdout string
	Stderr string
	Verb   string
	Args   *CmdArgs
}

// called runs a main function with an environment and a standard input.
func called(t *testing.T, env map[string]string, stdin string, run func(CNIFuncs) error) (seen outcome) {
	t.Helper()
	for _, name := range []string{"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH", "CNI_NETNS_OVERRIDE"} {
		t.Setenv(name, env[name])
		if _, ok := env[name]; !ok {
			os.Unsetenv(name)
		}
	}
	note := func(verb string) func(*CmdArgs) error {
		return func(args *CmdArgs) error { seen.Verb, seen.Args = verb, args; return nil }
	}
	in, out, errs := memory(t), memory(t), memory(t)
	in.WriteString(stdin)
	in.Seek(0, io.SeekStart)
	defer func(in, out, errs *os.File) { os.Stdin, os.Stdout, os.Stderr = in, out, errs }(os.Stdin, os.Stdout, os.Stderr)
	os.Stdin, os.Stdout, os.Stderr = in, out, errs
	err := run(CNIFuncs{Add: note("ADD"), Check: note("CHECK"), Del: note("DEL"), GC: note("GC"), Status: note("STATUS")})
	if err != nil {
		seen.Error = cniError(err)
	}
	seen.Stdout, seen.Stderr = written(t, out), written(t, errs)
	return seen
}

func memory(t *testing.T) *os.File {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func written(t *testing.T, f *os.File) string {
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A call is read as the CNI library's package skel reads it, to the letter, which commands do
// not link: each variable and part of the configuration that may be wrong, for each verb.
func TestAnswersAsSkel(t *testing.T) {
	p := Plugin{Name: "fake", Versions: version.PluginSupports("0.3.1", "0.4.0", "1.0.0", "1.1.0")}
	whole := map[string]string{
		"CNI_CONTAINERID": "c1", "CNI_NETNS": "/var/run/netns/none", "CNI_IFNAME": "eth0", "CNI_ARGS": "K=V", "CNI_PATH": "/opt/cni/bin",
		"CNI_NETNS_OVERRIDE": "true",
	}
	changes := []map[string]string{
		{}, {"CNI_CONTAINERID": "/"}, {"CNI_CONTAINERID": ".a"}, {"CNI_CONTAINERID": "A9_.-"}, {"CNI_CONTAINERID": "a\n"},
		{"CNI_CONTAINERID": "ä"}, {"CNI_IFNAME": "a b"}, {"CNI_IFNAME": "1234567890123456"}, {"CNI_IFNAME": ".."}, {"CNI_IFNAME": "a:b"},
		{"CNI_IFNAME": "a\u0085"}, {"CNI_IFNAME": "\xff"}, {"CNI_CONTAINERID": "/", "CNI_IFNAME": ""},
		{"CNI_NETNS": "", "CNI_IFNAME": "/"}, {"CNI_NETNS_OVERRIDE": "1"}, {"CNI_NETNS_OVERRIDE": "TRUE", "CNI_ARGS": ""},
	}
	for name := range whole {
		changes = append(changes, map[string]string{name: ""})
	}
	confs := []string{
		`{"cniVersion":"1.1.0","name":"net","x":1}`, `{"cniVersion":"0.3.1","name":"net"}`, `{"cniVersion":"0.4.0","name":"net"}`,
		`{"cniVersion":"1.0.0","name":"net"}`, `{"cniVersion":"0.2.0","name":"net"}`, `{"cniVersion":"1.2.0","name":"net"}`,
		`{"name":"net"}`, `{"cniVersion":"1.x.0","name":"net"}`, `{"cniVersion":3,"name":"net"}`, `{"cniVersion":"1.1.0"}`,
		`{"cniVersion":"1.1.0","name":"a/b"}`, `{"cniVersion":"1.1.0","name":"_"}`, `{"cniVersion":"1.1.0","name":7}`, `[]`, `{`, ``, `null`,
	}
	try := func(command string, change map[string]string, conf string) {
		env := maps.Clone(whole)
		maps.Copy(env, change)
		if command != "none" {
			env["CNI_COMMAND"] = command
		}
		want := called(t, env, conf, func(verbs CNIFuncs) error {
			if err := skel.PluginMainFuncsWithError(verbs, p.Versions, "CNI fake plugin version unknown"); err != nil {
				return err
			}
			return nil
		})
		got := called(t, env, conf, func(verbs CNIFuncs) error {
			p.CNIFuncs = verbs
			if os.Getenv("CNI_COMMAND") == "" {
				p.called(nil, os.Stdout, os.Stderr)
				return nil
			}
			return p.answer()
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %v %s (-skel +ours):\n%s", command, change, conf, diff)
		}
	}
	for _, command := range []string{"ADD", "CHECK", "DEL", "GC", "STATUS", "VERSION", "FOO", "", "none", "add"} {
		for _, change := range changes {
			try(command, change, confs[0])
		}
		for _, conf := range confs {
			try(command, nil, conf)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a", "eth0", "a\tb", "a b", "..", ".", "...", "a/b", "ä", strings.Repeat("ä", 8), strings.Repeat("x", 15), strings.Repeat("x", 16)} {
		if diff := cmp.Diff(utils.ValidateInterfaceName(name), CheckIfName(name)); diff != "" {
			t.Errorf("%q: %s", name, diff)
		}
	}
}

func FuzzIsName(f *testing.F) {
	for _, name := range []string{"a", "a.b", "-", "0_", "[", "`", "{", "@", "Z~"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if want := utils.ValidateNetworkName(name) == nil; owner.IsName(name) != want {
			t.Errorf("%q: the library says %v", name, want)
		}
	})
}

func TestVersionCannotBePrinted(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	r.CloseWithError(errors.New("gone"))
	if err := (Plugin{}).printVersions(w); Code(err) != types.ErrIOFailure {
		t.Error(err)
	}
	var all bytes.Buffer
	version.All.Encode(&all)
	var ours bytes.Buffer
	if err := (Plugin{}).printVersions(&ours); err != nil || ours.String() != all.String() {
		t.Errorf("%v: %s", err, ours.String())
	}
}
