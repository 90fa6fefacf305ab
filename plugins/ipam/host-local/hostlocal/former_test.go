package hostlocal_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/disk"
)

// Somebody has changed the network's name since ADD: DEL frees what the interface had under
// any other one, if it is gone and nobody has the address; GC goes by the name.
func TestFormer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := conf("1.1.0", dir, strings.ReplaceAll(oneSet, "10.1.2.", "10.232.2.")) // of no other test
	named := func(name string) string { return strings.Replace(before, `"name":"net"`, `"name":"`+name+`"`, 1) }
	after := named("after")
	call{id: "a", conf: before}.add(t)                 // .2
	call{id: "a", ifname: "eth1", conf: before}.add(t) // .3
	call{id: "b", conf: before}.add(t)                 // .4
	call{id: "a", conf: named("net2"), args: "IP=10.232.2.9"}.add(t)
	write(t, filepath.Join(dir, "net", "10.232.2.77"), "a")
	write(t, filepath.Join(dir, "none", "10.232.2.5"), "a\r\neth0") // nobody has locked that
	all := state(t, dir)
	privateMounts(t, func() {
		del := func(netns, conf, said string) {
			t.Helper()
			cmd := call{verb: "DEL", id: "a", conf: conf}.command()
			cmd.Env = append(cmd.Env, "CNI_NETNS="+netns)
			out, err := cmd.CombinedOutput()
			if err != nil || string(out) != said {
				t.Errorf("%v: %s", err, out)
			}
		}
		expect := func(when string, without ...string) {
			t.Helper()
			want := map[string]string{}
			for name, content := range all {
				want[name] = content
			}
			for _, name := range without {
				delete(want, name)
			}
			if diff := cmp.Diff(want, state(t, dir)); diff != "" {
				t.Errorf("%s:\n%s", when, diff)
			}
		}
		sh := func(script string) {
			t.Helper()
			if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}
		sh("mount -t tmpfs none /run; ip netns add c; ip -n c link add eth0 type veth peer name e")
		del("/run/netns/c", after, "")
		expect("the interface is there")
		sh("ip netns add d; ip -n d addr add 10.232.2.2/24 dev lo")
		del("", after, "release [10.232.2.9] of network net2: it had that name when interface eth0 was added\n")
		expect("somebody has the address", "net2/10.232.2.9")
		sh("ip netns del d; ip -n c link del eth0")
		call{verb: "GC", conf: with(after, `"cni.dev/valid-attachments":[]`)}.succeeds(t)
		expect("GC", "net2/10.232.2.9")
		del("/run/netns/c", after, "release [10.232.2.2] of network net: it had that name when interface eth0 was added\n")
		expect("all is gone", "net2/10.232.2.9", "net/10.232.2.2")
		del("", after, "")
		del("", with(before, `"x":1`), "") // the file without a name of an interface
		expect("once more", "net2/10.232.2.9", "net/10.232.2.2", "net/10.232.2.77")
	})
}

// A DEL that looks under other names does not wait for ever for whoever has their locks, as a
// process that has been stopped, and looks under the rest.
func TestFormerLocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := conf("1.1.0", dir, strings.ReplaceAll(oneSet, "10.1.2.", "10.233.2.")) // of no other test
	named := func(name string) string { return strings.Replace(c, `"name":"net"`, `"name":"`+name+`"`, 1) }
	call{id: "a", conf: named("x")}.add(t)
	store, err := disk.New("locked", dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Lock(); err != nil {
		t.Fatal(err)
	}
	cmd := call{verb: "DEL", id: "a", conf: named("now")}.command()
	killer := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	defer killer.Stop()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "under the name locked of the network: lock ") {
		t.Errorf("%v: %s", err, out)
	}
	if _, left := state(t, dir)["x/10.233.2.2"]; left {
		t.Error("the address under another name is still reserved")
	}
}
