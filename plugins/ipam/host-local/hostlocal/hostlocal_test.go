package hostlocal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/version"
	"github.com/google/go-cmp/cmp"
)

const (
	oneSet  = `"ranges":[[{"subnet":"10.1.2.0/24"}]]`
	twoSets = `"ranges":[[{"subnet":"10.1.2.0/24"},{"subnet":"10.2.2.0/24"}],[{"subnet":"2001:db8:1::/64"}]],
		"routes":[{"dst":"0.0.0.0/0"},{"dst":"192.168.0.0/16","gw":"1.1.1.1"},{"dst":"2001:db8:2::0/64","gw":"2001:db8:3::1","mtu":1400}]`
	smallSets = `"ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"10.9.9.0/30"}]]`
)

// atLeast returns the supported versions from the given one.
func atLeast(t *testing.T, first string) []string {
	t.Helper()
	var versions []string
	for _, v := range version.All.SupportedVersions() {
		if ok, err := version.GreaterThanOrEqualTo(v, first); err != nil || ok {
			versions = append(versions, v)
		}
	}
	return versions
}

func TestVersions(t *testing.T) {
	for _, v := range atLeast(t, "0.1.0") {
		t.Run(v, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c := call{id: "dummy", conf: conf(v, dir, twoSets)}
			c.verb = "ADD"
			stdout := c.succeeds(t)
			if got := addresses(t, stdout); got != "10.1.2.2 2001:db8:1::2" {
				t.Errorf("addresses %s", got)
			}
			for _, text := range []string{`"10.1.2.2/24"`, `"10.1.2.1"`, `"2001:db8:1::2/64"`, `"2001:db8:1::1"`, `"192.168.0.0/16"`, `"1.1.1.1"`, `"2001:db8:3::1"`} {
				if !strings.Contains(stdout, text) {
					t.Errorf("no %s in %s", text, stdout)
				}
			}
			want := map[string]string{
				"net/10.1.2.2": "dummy\r\neth0", "net/2001:db8:1::2": "dummy\r\neth0",
				"net/last_reserved_ip.0": "10.1.2.2", "net/last_reserved_ip.1": "2001:db8:1::2",
			}
			if diff := cmp.Diff(want, state(t, dir)); diff != "" {
				t.Error(diff)
			}
			c.verb = "CHECK"
			if v < "0.4.0" {
				c.fails(t, 1, "config version does not allow CHECK")
			} else {
				c.succeeds(t)
			}
			c.verb = "DEL"
			for range 2 {
				c.succeeds(t)
			}
			delete(want, "net/10.1.2.2")
			delete(want, "net/2001:db8:1::2")
			if diff := cmp.Diff(want, state(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNetworks has one container in two networks.
func TestNetworks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one := conf("1.0.0", dir, oneSet)
	two := strings.Replace(one, `"name":"net"`, `"name":"net2"`, 1)
	call{id: "a", conf: one}.add(t)
	call{id: "a", ifname: "eth1", conf: two}.add(t)
	call{verb: "DEL", id: "a", conf: one}.succeeds(t)
	want := map[string]string{"net/last_reserved_ip.0": "10.1.2.2", "net2/last_reserved_ip.0": "10.1.2.2", "net2/10.1.2.2": "a\r\neth1"}
	if diff := cmp.Diff(want, state(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestOldFormat(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := conf("1.0.0", dir, oneSet)
	call{id: "a", conf: c}.add(t)
	write(t, filepath.Join(dir, "net/10.1.2.2"), "a")
	call{verb: "CHECK", id: "a", conf: c}.succeeds(t)
	call{verb: "ADD", id: "a", conf: c}.fails(t, 999, "failed to allocate for range 0: 10.1.2.2 has been allocated to a, duplicate allocation is not allowed")
	call{verb: "DEL", id: "a", conf: c}.succeeds(t)
	if diff := cmp.Diff(map[string]string{"net/last_reserved_ip.0": "10.1.2.2"}, state(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestDelBrokenConfig has configurations that have become invalid since ADD.
func TestDelBrokenConfig(t *testing.T) {
	tests := map[string]struct{ ipam, keys, args string }{
		"CNI_ARGS":          {ipam: oneSet, args: "x"},
		"no ranges":         {ipam: `"x":1`},
		"bad subnet":        {ipam: `"ranges":[[{"subnet":"abc"}]]`},
		"ranges no list":    {ipam: `"ranges":7`},
		"bad routes":        {ipam: `"routes":[{"dst":"x"}]`},
		"bad resolvConf":    {ipam: oneSet + `,"resolvConf":["/none"]`},
		"bad runtimeConfig": {ipam: oneSet, keys: `"runtimeConfig":"x"`},
		"bad prevResult":    {ipam: oneSet, keys: `"prevResult":{"ips":"x"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			call{id: "a", conf: conf("1.1.0", dir, oneSet)}.add(t)
			c := conf("1.1.0", dir, test.ipam)
			if test.keys != "" {
				c = with(c, test.keys)
			}
			call{verb: "DEL", id: "a", conf: c, args: test.args}.succeeds(t)
			if diff := cmp.Diff(map[string]string{"net/last_reserved_ip.0": "10.1.2.2"}, state(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNothingThere runs verbs for a network that never had an ADD.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	c := with(conf("1.1.0", dir, oneSet), `"cni.dev/valid-attachments":[]`)
	for _, verb := range []string{"DEL", "GC", "STATUS"} {
		call{verb: verb, id: "a", conf: c}.succeeds(t)
	}
	call{verb: "CHECK", id: "a", conf: c}.fails(t, 999, "host-local: Failed to find address added by container a")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("a verb made the directory: %v", err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := conf("1.0.0", dir, twoSets)
	call{id: "a", conf: c}.add(t)
	call{id: "b", conf: c}.add(t)
	previous := func(ips ...string) string {
		var list []string
		for _, ip := range ips {
			list = append(list, fmt.Sprintf(`{"address":%q}`, ip))
		}
		return with(c, `"prevResult":{"cniVersion":"1.0.0","ips":[`+strings.Join(list, ",")+`]}`)
	}
	check := func(conf string) call { return call{verb: "CHECK", id: "a", conf: conf} }
	check(c).succeeds(t)
	check(previous("10.1.2.2/24", "2001:db8:1::2/64")).succeeds(t)
	// Another IPAM plugin's.
	check(previous("10.1.2.2/24", "192.0.2.1/24")).succeeds(t)
	check(previous("10.1.2.3/24", "2001:db8:1::2/64", "10.2.2.9/24")).fails(t, 999,
		"address 10.1.2.3 of prevResult is not reserved for this interface; address 10.2.2.9 of prevResult is not reserved for this interface")
	call{verb: "CHECK", id: "c", conf: c}.fails(t, 999, "host-local: Failed to find address added by container c")
	call{verb: "CHECK", id: "a", ifname: "eth1", conf: c}.fails(t, 999, "host-local: Failed to find address added by container a")
	check(with(c, `"prevResult":{"ips":"x"}`)).failsWith(t, 6, "prevResult")
}

func TestConfigCodes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	call{verb: "ADD", id: "a", conf: `{"cniVersion":"1.0.0","name":"net"}`}.fails(t, 7, "IPAM config missing 'ipam' key")
	call{verb: "ADD", id: "a", conf: conf("1.0.0", dir, oneSet), args: "x"}.fails(t, 7, `ARGS: invalid pair "x"`)
	call{verb: "ADD", id: "a", conf: conf("1.0.0", dir, `"ranges":7`)}.failsWith(t, 6, "ipam.ranges: want a list, have a number")
	call{verb: "ADD", id: "a", conf: conf("0.2.0", dir, smallSets)}.fails(t, 7, "CNI version 0.2.0 does not support more than 1 address per family")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("a failed ADD made the directory: %v", err)
	}
}
