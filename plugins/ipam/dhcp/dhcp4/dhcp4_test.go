package dhcp4

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/insomniacslk/dhcp/dhcpv4"
)

// ack is a DHCPACK with further options.
func ack(options ...dhcpv4.Option) *dhcpv4.DHCPv4 {
	m := &dhcpv4.DHCPv4{OpCode: dhcpv4.OpcodeBootReply, YourIPAddr: net.IP{10, 1, 2, 50}, Options: make(dhcpv4.Options)}
	for _, o := range append([]dhcpv4.Option{
		dhcpv4.OptMessageType(dhcpv4.MessageTypeAck), dhcpv4.OptSubnetMask(net.CIDRMask(24, 32)), dhcpv4.OptServerIdentifier(net.IP{10, 1, 2, 1}),
	}, options...) {
		m.UpdateOption(o)
	}
	return m
}

func generic(code uint8, value ...byte) dhcpv4.Option {
	return dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(code), value)
}

func TestRoutes(t *testing.T) {
	static := generic(33, 10, 0, 0, 0, 10, 1, 2, 3, 192, 168, 1, 0, 192, 168, 2, 3, 172, 16, 5, 0, 10, 1, 2, 4, 0, 0, 0, 0, 10, 1, 2, 9, 1, 2)
	router := generic(3, 10, 1, 2, 1, 10, 1, 2, 2)
	for name, test := range map[string]struct {
		options []dhcpv4.Option
		want    []string
	}{
		"none":      {nil, nil},
		"router":    {[]dhcpv4.Option{router}, []string{"0.0.0.0/0 10.1.2.1"}},
		"static":    {[]dhcpv4.Option{static, router}, []string{"10.0.0.0/8 10.1.2.3", "192.168.1.0/24 192.168.2.3", "172.16.0.0/16 10.1.2.4", "0.0.0.0/0 10.1.2.1"}},
		"classless": {[]dhcpv4.Option{static, router, generic(121, 24, 198, 51, 100, 10, 1, 2, 9, 0, 0, 0, 0, 0)}, []string{"198.51.100.0/24 10.1.2.9", "0.0.0.0/0 0.0.0.0"}},
		"cut off":   {[]dhcpv4.Option{router, generic(121, 24, 198, 51)}, []string{"0.0.0.0/0 10.1.2.1"}},
		"too long":  {[]dhcpv4.Option{router, generic(121, 33, 198, 51, 100, 0, 0, 10, 1, 2, 9)}, []string{"0.0.0.0/0 10.1.2.1"}},
	} {
		lease, err := newLease(ack(test.options...), time.Now())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for _, r := range lease.Routes {
			got = append(got, r.Dst.String()+" "+r.Gateway.String())
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTimes(t *testing.T) {
	now := time.Unix(1e9, 0)
	seconds := func(code uint8, s byte) dhcpv4.Option { return generic(code, 0, 0, 0, s) }
	for name, test := range map[string]struct {
		options               []dhcpv4.Option
		renew, rebind, expiry time.Duration
	}{
		"default":       {nil, 30 * time.Minute, 51 * time.Minute, time.Hour},
		"of the server": {[]dhcpv4.Option{seconds(51, 100), seconds(58, 10), seconds(59, 20)}, 10 * time.Second, 20 * time.Second, 100 * time.Second},
		"half":          {[]dhcpv4.Option{seconds(51, 100)}, 50 * time.Second, 85 * time.Second, 100 * time.Second},
		"in disorder":   {[]dhcpv4.Option{seconds(51, 100), seconds(58, 99), seconds(59, 200)}, 50 * time.Second, 85 * time.Second, 100 * time.Second},
		"T1 after T2":   {[]dhcpv4.Option{seconds(51, 100), seconds(58, 30), seconds(59, 20)}, 20 * time.Second, 20 * time.Second, 100 * time.Second},
	} {
		lease, err := newLease(ack(test.options...), now)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := []time.Duration{lease.Renew.Sub(now), lease.Rebind.Sub(now), lease.Expiry.Sub(now)}
		if diff := cmp.Diff([]time.Duration{test.renew, test.rebind, test.expiry}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestUnusableAck(t *testing.T) {
	without := func(m *dhcpv4.DHCPv4, code dhcpv4.OptionCode) *dhcpv4.DHCPv4 { m.Options.Del(code); return m }
	from := func(ip net.IP) *dhcpv4.DHCPv4 { m := ack(); m.YourIPAddr = ip; return m }
	for name, test := range map[string]struct {
		ack  *dhcpv4.DHCPv4
		want string
	}{
		"mask":       {without(ack(), dhcpv4.OptionSubnetMask), "DHCP option Subnet Mask not found in DHCPACK"},
		"odd mask":   {ack(generic(1, 255, 0, 255, 0)), "DHCPACK has subnet mask ff00ff00"},
		"server":     {without(ack(), dhcpv4.OptionServerIdentifier), "DHCPACK does not name its server"},
		"no time":    {ack(generic(51, 0, 0, 0, 0)), "DHCPACK grants the address for no time"},
		"no address": {from(net.IP{0, 0, 0, 0}), "DHCPACK grants 0.0.0.0, which is no address of a host"},
		"multicast":  {from(net.IP{224, 0, 0, 1}), "DHCPACK grants 224.0.0.1, which is no address of a host"},
		"broadcast":  {from(net.IP{255, 255, 255, 255}), "DHCPACK grants 255.255.255.255, which is no address of a host"},
	} {
		if _, err := newLease(test.ack, time.Now()); err == nil || err.Error() != test.want {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestNames(t *testing.T) {
	lease, err := newLease(ack(generic(15, []byte("example.test\n")...), generic(119, 1, 'a', 0, 3, 'b', '\n', 'c', 0), generic(26, 0, 60), generic(6, 0, 0, 0, 0, 10, 1, 2, 53)), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	want := &Lease{
		Address: netip.MustParsePrefix("10.1.2.50/24"), Server: netip.MustParseAddr("10.1.2.1"),
		Search: []string{"a"}, DNS: []netip.Addr{netip.MustParseAddr("10.1.2.53")},
	}
	compare := cmp.Options{
		cmpopts.IgnoreFields(Lease{}, "Obtained", "Renew", "Rebind", "Expiry"),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	}
	if diff := cmp.Diff(want, lease, compare); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// InfiniBand is refused, with its name.
func TestLongHardwareAddress(t *testing.T) {
	_, err := Open(Config{Interface: "ib0", Index: 1, MAC: make(net.HardwareAddr, 20)})
	if err == nil || !strings.Contains(err.Error(), "InfiniBand is not supported") {
		t.Errorf("error %v", err)
	}
}

// Some servers end texts with a NUL.
func TestTrailingNUL(t *testing.T) {
	lease, err := newLease(ack(generic(15, []byte("example.test\x00\x00")...)), time.Now())
	if err != nil || lease.Domain != "example.test" {
		t.Errorf("domain %q, %v", lease.Domain, err)
	}
	for message, want := range map[string]string{"no\x00": `refused by the server: "no"`, "\x00": "refused by the server"} {
		if err := refusal(message); err.Error() != want || !errors.Is(err, ErrRefused) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestOverload(t *testing.T) {
	m := ack(generic(52, 3))
	data := m.ToBytes()
	copy(data[44:], []byte{12, 4, 'h', 'o', 's', 't', 255})
	copy(data[108:], []byte{3, 4, 10, 1, 2, 1, 255})
	parsed, err := parse(data)
	if err != nil || parsed.HostName() != "host" || len(parsed.Router()) != 1 {
		t.Errorf("%v, %v", parsed, err)
	}
	copy(data[108:], []byte{3, 200})
	if _, err := parse(data); err == nil {
		t.Error("no error")
	}
}

// reply turns a datagram of a client into one of a server, with right checksums.
func reply(message []byte) []byte {
	packet := datagram(netip.MustParseAddr("10.1.2.1"), broadcastAddr, message)
	copy(packet[ipHeader:], []byte{0, serverPort, 0, clientPort})
	return packet // the sum of two swapped words is the same
}

func TestPayload(t *testing.T) {
	for _, message := range [][]byte{[]byte("even"), []byte("odd"), {}} {
		packet := reply(message)
		if got, ok := payload(append(packet, 0, 0, 0), true); !ok || !bytes.Equal(got, message) {
			t.Errorf("%q: %q, %v", message, got, ok)
		}
		for i := range packet {
			broken := bytes.Clone(packet)
			broken[i] ^= 0x40
			if _, ok := payload(broken, true); ok {
				t.Errorf("%q: byte %d may change", message, i)
			}
			if _, ok := payload(packet[:i], true); ok {
				t.Errorf("%q: may end after %d bytes", message, i)
			}
		}
	}
	unsummed := reply([]byte("x"))
	unsummed[ipHeader+6] ^= 1
	if _, ok := payload(unsummed, false); !ok {
		t.Error("a checksum that is to come counts")
	}
}

// Whatever comes, reading it ends in an answer or in none.
func FuzzPacket(f *testing.F) {
	f.Add(reply(ack(generic(33, 10, 0, 0, 0, 10, 1, 2, 3), generic(121, 0, 10, 1, 2, 1)).ToBytes()), true)
	overloaded := ack(generic(52, 3), generic(119, 0xc0, 0)).ToBytes()
	copy(overloaded[108:], []byte{26, 2, 5, 0, 255})
	f.Add(reply(overloaded), false)
	f.Fuzz(func(t *testing.T, packet []byte, checksummed bool) {
		for _, data := range [][]byte{packet, unwrap(packet, checksummed)} {
			m, err := parse(data)
			if err != nil {
				continue
			}
			lease, err := newLease(m, time.Unix(1e9, 0))
			if err == nil && (!lease.Address.IsValid() || lease.Renew.After(lease.Rebind) || lease.Rebind.After(lease.Expiry)) {
				t.Errorf("lease %+v", lease)
			}
		}
	})
}

func unwrap(packet []byte, checksummed bool) []byte {
	data, _ := payload(packet, checksummed)
	return data
}
