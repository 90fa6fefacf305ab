package loopback

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/testutils"
)

// container is a network namespace with a connection to it.
type container struct {
	ns.NetNS
	*netlink.Handle
}

func newContainer(t *testing.T) container {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	space, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { space.Close() })
	c := container{NetNS: space}
	must(t, space.Do(func(ns.NetNS) (err error) {
		c.Handle, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	}))
	t.Cleanup(c.Handle.Close)
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (c container) lo(t *testing.T) netlink.Link {
	t.Helper()
	lo, err := c.LinkByName("lo")
	must(t, err)
	return lo
}

// state is what of lo can differ.
type state struct {
	Up    bool
	Addrs []string
}

func (c container) state(t *testing.T) state {
	t.Helper()
	lo := c.lo(t)
	s := state{Up: lo.Attrs().Flags&net.FlagUp != 0}
	addrs, err := c.AddrList(lo, netlink.FAMILY_ALL)
	must(t, err)
	for _, addr := range addrs {
		s.Addrs = append(s.Addrs, addr.IPNet.String())
	}
	return s
}

func (c container) isUp(t *testing.T, want bool) {
	t.Helper()
	if got := c.state(t).Up; got != want {
		t.Errorf("lo is up: %v, want %v", got, want)
	}
}

// give adds an address to lo.
func (c container) give(t *testing.T, text string) {
	t.Helper()
	addr, err := netlink.ParseAddr(text)
	must(t, err)
	must(t, c.AddrAdd(c.lo(t), addr))
}

// withoutIPv6 makes the namespace one without ::1.
func (c container) withoutIPv6(t *testing.T) {
	t.Helper()
	must(t, c.Do(func(ns.NetNS) error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/lo/disable_ipv6", []byte("1"), 0)
	}))
}

// args are those of a call for the container, with a configuration that
// consists of rest and what is always there.
func (c container) args(v, rest string) *skel.CmdArgs {
	return &skel.CmdArgs{
		ContainerID: "container", Netns: c.Path(), IfName: "eth0", Args: "none",
		StdinData: fmt.Appendf(nil, `{"cniVersion": %q, "name": "net", "type": "loopback"%s}`, v, rest),
	}
}

// addTo runs ADD and returns also what was printed.
func addTo(args *skel.CmdArgs) (types.Result, []byte, error) {
	return testutils.CmdAddWithArgs(args, func() error { return Plugin.Add(args) })
}

func TestVersions(t *testing.T) {
	for _, v := range version.All.SupportedVersions() {
		t.Run(v, func(t *testing.T) {
			t.Parallel()
			c := newContainer(t)
			args := c.args(v, "")
			for range 2 { // as a runtime may repeat it
				result, _, err := addTo(args)
				must(t, err)
				got, err := current.NewResultFromResult(result)
				must(t, err)
				if diff := cmp.Diff([]string{"127.0.0.1/8", "::1/128"}, addresses(got)); diff != "" {
					t.Error(diff)
				}
				if old, _ := version.GreaterThan("0.3.0", v); !old {
					want := []*current.Interface{{Name: "lo", Mac: "00:00:00:00:00:00", Sandbox: c.Path()}}
					if diff := cmp.Diff(want, got.Interfaces); diff != "" {
						t.Error(diff)
					}
				}
			}
			c.isUp(t, true)
			must(t, Plugin.Check(args))
			for range 2 {
				must(t, Plugin.Del(args))
				c.isUp(t, false)
			}
		})
	}
}

func addresses(result *current.Result) []string {
	var texts []string
	for _, ip := range result.IPs {
		texts = append(texts, ip.Address.String())
	}
	return texts
}

// Addresses that somebody else put on lo do no harm and are not reported.
func TestOtherAddresses(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	_, _, err := addTo(c.args("1.1.0", ""))
	must(t, err)
	for _, addr := range []string{"10.0.0.1/32", "127.0.0.2/32", "fd00::1/128"} {
		c.give(t, addr)
	}
	result, printed, err := addTo(c.args("1.1.0", ""))
	must(t, err)
	if diff := cmp.Diff([]string{"127.0.0.1/8", "::1/128"}, addresses(result.(*current.Result))); diff != "" {
		t.Error(diff)
	}
	must(t, Plugin.Check(c.args("1.1.0", `, "prevResult": `+string(printed))))
}

func TestWithoutIPv6(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.withoutIPv6(t)
	result, printed, err := addTo(c.args("1.1.0", ""))
	must(t, err)
	if diff := cmp.Diff([]string{"127.0.0.1/8"}, addresses(result.(*current.Result))); diff != "" {
		t.Error(diff)
	}
	must(t, Plugin.Check(c.args("1.1.0", `, "prevResult": `+string(printed))))
}

// An ADD that fails with lo up leaves it as it was: here a version that has no
// result without addresses cannot express it.
func TestUndo(t *testing.T) {
	for _, up := range []bool{false, true} {
		t.Run(fmt.Sprintf("up %v", up), func(t *testing.T) {
			t.Parallel()
			c := newContainer(t)
			must(t, c.LinkSetMTU(c.lo(t), 60)) // takes IP away (RFC 791: 68 octets)
			if up {
				must(t, c.LinkSetUp(c.lo(t)))
			}
			before := c.state(t)
			_, _, err := addTo(c.args("0.2.0", ""))
			if err == nil || err.Error() != "cannot convert: no valid IP addresses" {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before, c.state(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPrevResult(t *testing.T) {
	const (
		old = `{"cniVersion": "0.2.0", "ip4": {"ip": "10.0.0.2/24", "gateway": "10.0.0.1", "routes": [{"dst": "0.0.0.0/0"}]}, "dns": {"domain": "d"}}`
		mid = `{"cniVersion": "0.4.0", "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/s"}],
			"ips": [{"version": "4", "interface": 0, "address": "10.0.0.2/24"}], "routes": [{"dst": "0.0.0.0/0"}], "dns": {}}`
		new = `{"cniVersion": "1.1.0", "interfaces": [{"name": "eth0", "mtu": 1400, "sandbox": "/s"}],
			"ips": [{"interface": 0, "address": "10.0.0.2/24"}], "routes": [{"dst": "0.0.0.0/0", "mtu": 1300, "table": 7}]}`
	)
	for _, test := range []struct{ version, prev string }{
		{"0.2.0", old}, {"0.4.0", mid}, {"1.1.0", new}, {"0.4.0", "{}"}, {"1.1.0", "{}"},
	} {
		t.Run(test.version, func(t *testing.T) {
			t.Parallel()
			c := newContainer(t)
			got, _, err := addTo(c.args(test.version, `, "prevResult": `+test.prev))
			must(t, err)
			c.isUp(t, true)
			conf := types.PluginConf{CNIVersion: test.version}
			must(t, json.Unmarshal([]byte(test.prev), &conf.RawPrevResult))
			must(t, version.ParsePrevResult(&conf))
			if diff := cmp.Diff(conf.PrevResult, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	up := func(t *testing.T, c container) { must(t, c.LinkSetUp(c.lo(t))) }
	lo := func(ips string) string {
		return `, "prevResult": {"interfaces": [{"name": "eth0"}, {"name": "lo"}], "ips": [` + ips + `]}`
	}
	for _, test := range []struct {
		name    string
		prepare func(*testing.T, container)
		rest    string
		want    string // of the error; empty: none
	}{
		{name: "up", prepare: up},
		{name: "new", want: "loopback interface is down; loopback interface lacks address 127.0.0.1/8"},
		{name: "down", prepare: func(t *testing.T, c container) { up(t, c); must(t, c.LinkSetDown(c.lo(t))) }, want: "loopback interface is down"},
		{
			name: "other address",
			prepare: func(t *testing.T, c container) {
				// The kernel's own address is of scope host and does not go
				// with one of its subnet of another scope.
				c.give(t, "127.0.0.2/8")
				up(t, c)
			},
			want: "loopback interface lacks address 127.0.0.1/8",
		},
		{name: "reported", prepare: up, rest: lo(`{"address": "127.0.0.1/8", "interface": 1}, {"address": "::1/128", "interface": 1}`)},
		{
			name: "reported others", prepare: up, rest: lo(`{"address": "127.0.0.5/8", "interface": 1}, {"address": "::1/64", "interface": 1}`),
			want: "loopback interface lacks address 127.0.0.5/8; loopback interface lacks address ::1/64",
		},
		{name: "addresses of no concern", prepare: up, rest: lo(`{"address": "10.0.0.1/8", "interface": 1}, {"address": "127.0.0.5/8", "interface": 0},
			{"address": "127.0.0.5/8", "interface": 2}, {"address": "127.0.0.5/8", "interface": 3}, {"address": "127.0.0.5/8", "interface": -1},
			{"address": "127.0.0.5/8"}`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newContainer(t)
			if test.prepare != nil {
				test.prepare(t, c)
			}
			before := c.state(t)
			err := Plugin.Check(c.args("1.1.0", test.rest))
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || err.Error() != test.want):
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if diff := cmp.Diff(before, c.state(t)); diff != "" {
				t.Errorf("CHECK changed something:\n%s", diff)
			}
		})
	}
}

// DEL succeeds without the namespace, and with whatever configuration.
func TestDelWithoutNetns(t *testing.T) {
	t.Parallel()
	plain := filepath.Join(t.TempDir(), "plain")
	must(t, os.WriteFile(plain, nil, 0o600))
	for _, path := range []string{"", "/run/netns/missing", plain, "/proc/4194304/ns/net"} {
		for range 2 {
			if err := Plugin.Del(&skel.CmdArgs{Netns: path, StdinData: []byte(`{"prevResult": 7}`)}); err != nil {
				t.Errorf("%q: %v", path, err)
			}
		}
	}
}

// DEL for the namespace that the plugin is in does nothing.
func TestDelInside(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	must(t, c.LinkSetUp(c.lo(t)))
	must(t, c.Do(func(ns.NetNS) error { return Plugin.Del(c.args("1.1.0", "")) }))
	c.isUp(t, true)
}

func TestErrors(t *testing.T) {
	const missing = `failed to Statfs "/run/netns/missing": no such file or directory`
	for _, test := range []struct {
		name string
		verb func(*skel.CmdArgs) error
		conf string
		code uint
		want string
	}{
		{"ADD", Plugin.Add, `{"cniVersion": "1.1.0", "name": "net"}`, types.ErrInvalidNetNS, missing},
		{"CHECK", Plugin.Check, `{"cniVersion": "1.1.0", "name": "net"}`, types.ErrInvalidNetNS, missing},
		{"no object", Plugin.Add, `{"prevResult": 7}`, types.ErrDecodingFailure, "could not parse prevResult: json: cannot unmarshal number into Go value of type map[string]json.RawMessage"},
		{"version", Plugin.Add, `{"cniVersion": "1.0.0", "prevResult": {"cniVersion": "0.4.0"}}`, types.ErrDecodingFailure, `could not parse prevResult: result type supports [1.0.0 1.1.0] but unmarshalled CNIVersion is "0.4.0"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.verb(&skel.CmdArgs{Netns: "/run/netns/missing", StdinData: []byte(test.conf)})
			if err == nil || err.Error() != test.want || plugin.Code(err) != test.code {
				t.Errorf("got %v with code %d, want %s with %d", err, plugin.Code(err), test.want, test.code)
			}
		})
	}
}
