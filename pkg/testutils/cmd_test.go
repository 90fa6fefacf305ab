package testutils_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/testutils"
)

var args = &skel.CmdArgs{
	Netns:       "/some/netns",
	ContainerID: "dummy",
	IfName:      "eth0",
	StdinData:   []byte(`{"cniVersion":"1.0.0","name":"net","type":"ptp"}`),
}

// cniEnv returns the CNI variables of the environment.
func cniEnv() map[string]string {
	env := map[string]string{}
	for _, pair := range os.Environ() {
		// CNI_TEST_BIN and its like are for tests of this repository, not for plugins.
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "CNI_") && !strings.HasPrefix(name, "CNI_TEST_") {
			env[name] = value
		}
	}
	return env
}

func wantEnv(verb string) map[string]string {
	return map[string]string{
		"CNI_COMMAND":        verb,
		"CNI_PATH":           os.Getenv("PATH"),
		"CNI_NETNS":          "/some/netns",
		"CNI_IFNAME":         "eth0",
		"CNI_CONTAINERID":    "dummy",
		"CNI_NETNS_OVERRIDE": "1",
	}
}

func TestCmdEnvironment(t *testing.T) {
	status := wantEnv("STATUS")
	for _, name := range []string{"CNI_NETNS", "CNI_IFNAME", "CNI_CONTAINERID"} {
		delete(status, name)
	}
	tests := []struct {
		name string
		want map[string]string
		run  func(f func() error) error
	}{
		{"ADD", wantEnv("ADD"), func(f func() error) error {
			_, _, err := testutils.CmdAddWithArgs(args, f)
			return err
		}},
		{"CHECK", wantEnv("CHECK"), func(f func() error) error { return testutils.CmdCheckWithArgs(args, f) }},
		{"DEL", wantEnv("DEL"), func(f func() error) error { return testutils.CmdDelWithArgs(args, f) }},
		{"STATUS", status, testutils.CmdStatus},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before, stdout := cniEnv(), os.Stdout
			want := errors.New("potato")
			got := test.run(func() error {
				if diff := cmp.Diff(test.want, cniEnv()); diff != "" {
					t.Errorf("environment (-want +got)\n%s", diff)
				}
				return want
			})
			if got != want {
				t.Errorf("error %v, want %v", got, want)
			}
			func() {
				defer func() { recover() }()
				_ = test.run(func() error { panic("potato") })
			}()
			if diff := cmp.Diff(before, cniEnv()); diff != "" {
				t.Errorf("environment afterwards (-before +after)\n%s", diff)
			}
			if os.Stdout != stdout {
				t.Error("standard output is not what it was")
			}
		})
	}
}

func TestCmdKeepsEnvironment(t *testing.T) {
	t.Setenv("CNI_PATH", "/somewhere")
	if err := testutils.CmdDelWithArgs(args, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got := os.Getenv("CNI_PATH"); got != "/somewhere" {
		t.Errorf("CNI_PATH is %q afterwards", got)
	}
}

func TestCmdAdd(t *testing.T) {
	for _, ver := range testutils.AllSpecVersions {
		t.Run(ver, func(t *testing.T) {
			conf := fmt.Sprintf(`{"cniVersion":%q,"name":"net","type":"ptp"}`, ver)
			printed := fmt.Sprintf(`{"cniVersion":%q}`, ver)
			result, out, err := testutils.CmdAdd("/some/netns", "dummy", "eth0", []byte(conf), func() error {
				_, err := fmt.Print(printed)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if string(out) != printed || result.Version() != ver {
				t.Errorf("printed %q of version %s", out, result.Version())
			}
		})
	}

	t.Run("more than a pipe holds", func(t *testing.T) {
		want := &current.Result{CNIVersion: "1.0.0", DNS: types.DNS{Domain: strings.Repeat("x", 1<<20)}}
		result, _, err := testutils.CmdAddWithArgs(args, func() error { return types.PrintResult(want, "1.0.0") })
		if err != nil {
			t.Fatal(err)
		}
		if got := result.(*current.Result).DNS.Domain; got != want.DNS.Domain {
			t.Errorf("%d bytes, want %d", len(got), len(want.DNS.Domain))
		}
	})

	t.Run("no result", func(t *testing.T) {
		if _, _, err := testutils.CmdAddWithArgs(args, func() error { return nil }); err == nil {
			t.Error("nothing was printed, and it is a result")
		}
	})

	t.Run("in parallel", func(t *testing.T) {
		for i := range 10 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				printed := fmt.Sprintf(`{"cniVersion":"1.0.0","dns":{"domain":"%d"}}`, i)
				_, out, err := testutils.CmdAddWithArgs(args, func() error {
					_, err := fmt.Print(printed)
					return err
				})
				if err != nil || string(out) != printed {
					t.Errorf("printed %q, want %q: %v", out, printed, err)
				}
			})
		}
	})
}

func TestSpecVersions(t *testing.T) {
	type features struct{ IPVersion, CHECK, STATUS, Chaining, MultipleIPs bool }
	want := map[string]features{
		"0.1.0": {},
		"0.2.0": {},
		"0.3.0": {IPVersion: true, Chaining: true, MultipleIPs: true},
		"0.3.1": {IPVersion: true, Chaining: true, MultipleIPs: true},
		"0.4.0": {IPVersion: true, Chaining: true, MultipleIPs: true, CHECK: true},
		"1.0.0": {Chaining: true, MultipleIPs: true, CHECK: true},
		"1.1.0": {Chaining: true, MultipleIPs: true, CHECK: true, STATUS: true},
		"x":     {},
	}
	for ver, want := range want {
		got := features{
			IPVersion:   testutils.SpecVersionHasIPVersion(ver),
			CHECK:       testutils.SpecVersionHasCHECK(ver),
			STATUS:      testutils.SpecVersionHasSTATUS(ver),
			Chaining:    testutils.SpecVersionHasChaining(ver),
			MultipleIPs: testutils.SpecVersionHasMultipleIPs(ver),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", ver, diff)
		}
	}
}

func TestTmpResolvConf(t *testing.T) {
	tests := []struct {
		dns  types.DNS
		want string
	}{
		{types.DNS{}, ""},
		{types.DNS{
			Nameservers: []string{"192.0.2.1", "2001:db8::1"},
			Domain:      "example.com",
			Search:      []string{"a.example", "b.example"},
			Options:     []string{"ndots:2", "rotate"},
		}, "nameserver 192.0.2.1\nnameserver 2001:db8::1\ndomain example.com\nsearch a.example b.example\noptions ndots:2 rotate\n"},
	}
	for _, test := range tests {
		path, err := testutils.TmpResolvConf(test.dns)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, string(got)); diff != "" {
			t.Errorf("%+v (-want +got)\n%s", test.dns, diff)
		}
	}
}

func TestBadReader(t *testing.T) {
	var r io.ReadCloser = &testutils.BadReader{}
	if _, err := r.Read(nil); err == nil || err.Error() != "banana" {
		t.Errorf("default: %v", err)
	}
	want := errors.New("potato")
	if _, err := (&testutils.BadReader{Error: want}).Read(nil); err != want {
		t.Errorf("error %v, want %v", err, want)
	}
	if err := r.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
