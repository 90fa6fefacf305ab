package hostlocal_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"
)

func TestAddAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := conf("1.0.0", dir, oneSet)
	const duplicate = "failed to allocate for range 0: 10.1.2.2 has been allocated to a, duplicate allocation is not allowed"
	call{id: "a", conf: c}.add(t)
	before := state(t, dir)
	call{verb: "ADD", id: "a", conf: c}.fails(t, 999, duplicate)
	call{verb: "ADD", id: "a", conf: c, args: "IP=10.1.2.50"}.fails(t, 999, duplicate)
	call{verb: "ADD", id: "a", conf: c, args: "IP=10.1.2.2"}.fails(t, 999, duplicate)
	if diff := cmp.Diff(before, state(t, dir)); diff != "" {
		t.Error(diff)
	}
	if got := (call{id: "b", conf: c}).add(t); got != "10.1.2.3" {
		t.Errorf("b has %s", got)
	}
	if got := (call{id: "a", ifname: "eth1", conf: c}).add(t); got != "10.1.2.4" {
		t.Errorf("a/eth1 has %s", got)
	}
	call{verb: "DEL", id: "a", conf: c}.succeeds(t)
	if got := (call{id: "a", conf: c}).add(t); got != "10.1.2.5" {
		t.Errorf("a has %s", got)
	}
}

func TestRequested(t *testing.T) {
	const three = `"ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"10.1.3.0/24"}],[{"subnet":"2001:db8:1::/64"}]]`
	tests := map[string]struct {
		ipam, keys, args string
		taken            string // by another container
		want, wantErr    string
	}{
		"args.cni":             {ipam: oneSet, keys: `"args":{"cni":{"ips":["10.1.2.88"]}}`, want: "10.1.2.88"},
		"CNI_ARGS":             {ipam: oneSet, args: "IP=10.1.2.88/24", want: "10.1.2.88"},
		"runtimeConfig":        {ipam: oneSet, keys: `"runtimeConfig":{"ips":["10.1.2.88/24"]}`, want: "10.1.2.88"},
		"one of each set":      {ipam: three, keys: `"args":{"cni":{"ips":["2001:db8:1::999","10.1.2.88","10.1.3.77"]}}`, want: "10.1.2.88 10.1.3.77 2001:db8:1::999"},
		"of one set":           {ipam: three, keys: `"args":{"cni":{"ips":["10.1.3.77"]}}`, want: "10.1.2.2 10.1.3.77 2001:db8:1::2"},
		"twice the same":       {ipam: oneSet, args: "IP=10.1.2.88", keys: `"args":{"cni":{"ips":["10.1.2.88"]}}`, want: "10.1.2.88"},
		"second of a set":      {ipam: three, keys: `"args":{"cni":{"ips":["10.1.2.88","10.1.2.77"]}}`, wantErr: "failed to allocate all requested IPs: 10.1.2.77"},
		"several of no set":    {ipam: oneSet, keys: `"args":{"cni":{"ips":["10.1.9.1","10.1.2.5","10.1.9.2"]}}`, wantErr: "failed to allocate all requested IPs: 10.1.9.1 10.1.9.2"},
		"the gateway":          {ipam: oneSet, args: "IP=10.1.2.1", wantErr: "failed to allocate for range 0: requested ip 10.1.2.1 is subnet's gateway"},
		"taken":                {ipam: oneSet, taken: "10.1.2.9", args: "IP=10.1.2.9", wantErr: "failed to allocate for range 0: requested IP address 10.1.2.9 is not available in range set 10.1.2.1-10.1.2.254"},
		"runtimeConfig ranges": {ipam: oneSet, keys: `"runtimeConfig":{"ipRanges":[[{"subnet":"16.1.2.0/24"}]]}`, want: "16.1.2.2 10.1.2.2"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c := conf("1.0.0", dir, test.ipam)
			if test.taken != "" {
				call{id: "other", conf: c, args: "IP=" + test.taken}.add(t)
			}
			before := state(t, dir)
			if test.keys != "" {
				c = with(c, test.keys)
			}
			if test.wantErr != "" {
				call{verb: "ADD", id: "a", conf: c, args: test.args}.fails(t, 999, test.wantErr)
				if diff := cmp.Diff(before, state(t, dir)); diff != "" {
					t.Error(diff)
				}
				return
			}
			if got := (call{id: "a", conf: c, args: test.args}).add(t); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestFailedAdd lets the second range set have no address.
func TestFailedAdd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := conf("1.0.0", dir, smallSets)
	call{id: "a", conf: c}.add(t)
	before := state(t, dir)
	call{verb: "ADD", id: "b", conf: c}.fails(t, 999, "failed to allocate for range 1: no IP addresses available in range set: 10.9.9.1-10.9.9.2")
	if diff := cmp.Diff(before, state(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestUnprintedResult cannot print the result: nobody knows of the addresses.
func TestUnprintedResult(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := conf("1.0.0", dir, twoSets)
	call{id: "a", conf: c}.add(t)
	before := state(t, dir)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	cmd := call{verb: "ADD", id: "b", conf: c}.command()
	cmd.Stdout = full
	if err := cmd.Run(); err == nil {
		t.Error("ADD succeeds")
	}
	if diff := cmp.Diff(before, state(t, dir)); diff != "" {
		t.Error(diff)
	}
	if got := (call{id: "c", conf: c}).add(t); got != "10.1.2.3 2001:db8:1::3" {
		t.Errorf("c has %s", got)
	}
}

func TestResolvConf(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "resolv.conf")
	write(t, path, "# comment\n; another\n  nameserver 192.0.2.3  \n#nameserver 192.0.2.4\nnameserver 2001:db8::53\n"+
		"domain a.example\ndomain b.example\nsearch c.example d.example\nsearch e.example\noptions ndots:2\noptions\nsortlist x\n\n")
	c := conf("1.0.0", dir, oneSet+fmt.Sprintf(`,"resolvConf":%q`, path))
	var result struct{ DNS types.DNS }
	if err := json.Unmarshal([]byte(call{verb: "ADD", id: "a", conf: c}.succeeds(t)), &result); err != nil {
		t.Fatal(err)
	}
	want := types.DNS{
		Nameservers: []string{"192.0.2.3", "2001:db8::53"}, Domain: "b.example",
		Search: []string{"c.example", "d.example", "e.example"}, Options: []string{"ndots:2"},
	}
	if diff := cmp.Diff(want, result.DNS); diff != "" {
		t.Error(diff)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	before := state(t, dir)
	call{verb: "ADD", id: "b", conf: c}.fails(t, 999, "open "+path+": no such file or directory")
	if diff := cmp.Diff(before, state(t, dir)); diff != "" {
		t.Error(diff)
	}
	call{verb: "DEL", id: "a", conf: c}.succeeds(t)
}

// TestLastReservedGarbled begins at the beginning, without a word.
func TestLastReservedGarbled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "net/last_reserved_ip.0"), "\x00\x00")
	if got := (call{id: "a", conf: conf("1.0.0", dir, oneSet)}).add(t); got != "10.1.2.2" {
		t.Errorf("a has %s", got)
	}
}

// TestHugeRanges gives out addresses of ranges that nobody can walk through.
func TestHugeRanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := conf("1.0.0", dir, `"ranges":[[{"subnet":"10.0.0.0/8"}],[{"subnet":"2000::/3","rangeStart":"2000::5","rangeEnd":"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}]]`)
	if got := (call{id: "a", conf: c}).add(t); got != "10.0.0.2 2000::5" {
		t.Errorf("got %s", got)
	}
	write(t, filepath.Join(dir, "net/last_reserved_ip.0"), "10.255.255.254")
	write(t, filepath.Join(dir, "net/last_reserved_ip.1"), "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
	if got := (call{id: "b", conf: c}).add(t); got != "10.0.0.3 2000::6" {
		t.Errorf("got %s", got)
	}
}
