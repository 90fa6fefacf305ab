package hostlocal_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGC(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := conf("1.1.0", dir, oneSet)
	other := strings.Replace(c, `"name":"net"`, `"name":"net2"`, 1)
	call{id: "x", conf: other}.add(t)
	for _, id := range []string{"a", "b"} {
		for _, ifname := range []string{"eth0", "eth1"} {
			call{id: id, ifname: ifname, conf: c}.add(t)
		}
	}
	write(t, filepath.Join(dir, "net/10.1.2.77"), "a")
	write(t, filepath.Join(dir, "net/10.1.2.78"), "old")
	write(t, filepath.Join(dir, "net/10.1.2.79"), "")
	before := state(t, dir)

	// No list is no order.
	call{verb: "GC", conf: c}.succeeds(t)
	if diff := cmp.Diff(before, state(t, dir)); diff != "" {
		t.Error(diff)
	}
	call{verb: "GC", conf: with(c, `"cni.dev/valid-attachments":7`)}.failsWith(t, 6, "cni.dev/valid-attachments")

	call{verb: "GC", conf: with(c, `"cni.dev/valid-attachments":[{"containerID":"a","ifname":"eth1"},{"containerID":"z","ifname":"eth0"}]`)}.succeeds(t)
	want := map[string]string{
		"net/10.1.2.3": "a\r\neth1", "net/10.1.2.77": "a", "net/last_reserved_ip.0": "10.1.2.5",
		"net2/10.1.2.2": "x\r\neth0", "net2/last_reserved_ip.0": "10.1.2.2",
	}
	if diff := cmp.Diff(want, state(t, dir)); diff != "" {
		t.Error(diff)
	}
	call{verb: "GC", conf: with(c, `"cni.dev/valid-attachments":null`)}.succeeds(t)
	delete(want, "net/10.1.2.3")
	delete(want, "net/10.1.2.77")
	if diff := cmp.Diff(want, state(t, dir)); diff != "" {
		t.Error(diff)
	}
	// GC needs no ranges.
	call{verb: "GC", conf: with(conf("1.1.0", dir, `"ranges":"x"`), `"cni.dev/valid-attachments":[]`)}.succeeds(t)
}
