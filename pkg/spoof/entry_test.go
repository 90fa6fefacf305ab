package spoof

import (
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/nft"
)

func TestLinkLocal(t *testing.T) {
	for mac, want := range map[string]string{
		"02:00:00:00:00:01": "fe80::ff:fe00:1",
		"34:56:78:9a:bc:de": "fe80::3656:78ff:fe9a:bcde", // RFC 2464, section 4
	} {
		parsed, err := net.ParseMAC(mac)
		if err != nil {
			t.Fatal(err)
		}
		if have := linkLocal(parsed).String(); have != want {
			t.Errorf("%s: %s, want %s", mac, have, want)
		}
	}
}

// Whatever is in a comment, the elements that it leads to have keys that the
// sets can have.
func FuzzEntry(f *testing.F) {
	for _, comment := range []string{
		"", "veth1", "veth1 02:00:00:00:00:01", "veth1 02:00:00:00:00:01 and addresses", "veth1 10.0.0.1", "veth1 fd00::1",
		"veth1 00:11:22:33:44:55:66:77", "veth1 ::ffff:10.0.0.1", "a name that is much too long", "name-of-many-bytes 10.0.0.1",
	} {
		f.Add(comment)
	}
	lengths := map[string]int{ports: 16, addressPorts: 16, macs: 24, ipv4: 20, ipv6: 32, options: 24, targets: 32}
	f.Fuzz(func(t *testing.T, comment string) {
		e := parseEntry(nft.Element{Comment: comment})
		for _, x := range e.elements() {
			if len(x.key) != lengths[x.set] {
				t.Errorf("%q: key of %d bytes for %s", comment, len(x.key), x.set)
			}
		}
		again := parseEntry(nft.Element{Comment: e.String()})
		if diff := cmp.Diff(e, again, cmp.AllowUnexported(entry{})); len(e.elements()) > 0 && diff != "" {
			t.Errorf("%q (-first +again):\n%s", comment, diff)
		}
	})
}
