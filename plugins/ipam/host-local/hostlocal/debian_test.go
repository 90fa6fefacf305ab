package hostlocal_test

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDebian lets this plugin and an old one of upstream's work on one
// directory.
func TestDebian(t *testing.T) {
	t.Parallel()
	const theirs = "/usr/lib/cni/host-local"
	if _, err := exec.LookPath(theirs); err != nil {
		t.Skip("needs Debian package containernetworking-plugins")
	}
	dir := t.TempDir()
	c := conf("1.0.0", dir, `"ranges":[[{"subnet":"10.1.2.0/26"}]]`)
	binaries := []string{"", theirs}
	holders, held := map[string]string{}, []string{}
	for round := range 200 {
		binary := binaries[rand.IntN(2)]
		if len(held) > 0 && (len(held) > 55 || rand.IntN(3) == 0) {
			i := rand.IntN(len(held))
			call{verb: "CHECK", id: held[i], conf: c, binary: binary}.succeeds(t)
			call{verb: "DEL", id: held[i], conf: c, binary: binary}.succeeds(t)
			for ip, id := range holders {
				if id == held[i] {
					delete(holders, ip)
				}
			}
			held = append(held[:i], held[i+1:]...)
			continue
		}
		id := fmt.Sprintf("c%d", round)
		ip := call{id: id, conf: c, binary: binary}.add(t)
		if other, taken := holders[ip]; taken {
			t.Fatalf("%s and %s have %s", id, other, ip)
		}
		call{verb: "ADD", id: id, conf: c, binary: binaries[rand.IntN(2)]}.failsWith(t, 999, ip+" has been allocated to "+id)
		holders[ip] = id
		held = append(held, id)
	}
	want := map[string]string{}
	for ip, id := range holders {
		want["net/"+ip] = id + "\r\neth0"
	}
	got := state(t, dir)
	delete(got, "net/last_reserved_ip.0")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
