package nat

import (
	"net"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/owner"
)

func FuzzRecord(f *testing.F) {
	f.Add("net", "id", "eth0", []byte{10, 0, 0, 1})
	f.Add(`n if: "x" ip: 1.2.3.4`, strings.Repeat("i", 300), `" ip: `, []byte(net.IPv6loopback))
	f.Fuzz(func(t *testing.T, network, containerID, ifName string, address []byte) {
		// The kernel's limit (IFNAMSIZ).
		if len(ifName) > 15 || len(address) != 4 && len(address) != 16 {
			t.Skip()
		}
		a := owner.Attachment{Network: network, ContainerID: containerID, IfName: ifName}
		text := record(a, address)
		if len(text) > iptables.MaxComment {
			t.Errorf("%d bytes: %q", len(text), text)
		}
		haveName, haveIP, ok := parseRecord(text)
		if !ok || haveName != ifName || !haveIP.Equal(address) {
			t.Errorf("%q is read as %q, %v, %v", text, haveName, haveIP, ok)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	f.Add(`name: "n" id: "c" if: "eth0" ip: 10.0.0.1`)
	f.Fuzz(func(_ *testing.T, comment string) {
		_, _, _ = parseRecord(comment)
		_, _ = containerOf(comment, "n")
	})
}

func TestContainerOf(t *testing.T) {
	a := owner.Attachment{Network: "net", ContainerID: `c"1`, IfName: "eth0"}
	for comment, want := range map[string]string{
		a.Comment():                      a.ContainerID,
		record(a, net.IPv4(10, 0, 0, 1)): a.ContainerID,
		`dnat name: "net" id: "c"`:       "",
		`name: "net2" id: "c"`:           "",
		`name: "net" id: "cut`:           "",
		"":                               "",
	} {
		if have, ok := containerOf(comment, "net"); have != want || ok != (want != "") {
			t.Errorf("%q is of %q, %v, want %q", comment, have, ok, want)
		}
	}
}
