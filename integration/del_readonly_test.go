package integration

import (
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// Where nothing can be written, DEL and GC of what is not there succeed, whether there
// has been anything before or not.
func TestDelReadOnly(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		n := node.New(t)
		n.Exec(t, "sh", "-ec", "mkdir -p /run/cni /var/lib/cni; mount -t tmpfs none /run/cni; mount -t tmpfs none /var/lib/cni")
		s.prepare(t, n)
		c := s.container(t, n, "c")
		call := s.call(latest, c.Path)
		remount := func(how string) {
			n.Exec(t, "sh", "-ec", "mount -o remount,"+how+" /run/cni; mount -o remount,"+how+" /var/lib/cni")
		}
		for _, before := range []bool{false, true} {
			if before {
				remount("rw")
				n.Must(t, "ADD", call)
				n.Must(t, "DEL", call)
			}
			remount("ro")
			n.Must(t, "DEL", call)
			n.Must(t, "DEL", call.With("prevResult", nil))
			n.Must(t, "GC", call.With("cni.dev/valid-attachments", []byte("[]")).With("prevResult", nil))
		}
	})
}
