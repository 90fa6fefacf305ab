package dhcp_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/rpc"
)

// A message without answer is sent again after about 1, 2 and 4 s, and in the end ADD
// says that nobody answered.
func TestRetransmission(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	listener := s.Listen(t)
	dhcpnet.Daemon(t, n, "-resendtimeout", "9s") // the waits, of 7 s, may take a fifth longer
	c := plugged(t, n, s, "c")
	start := time.Now()
	err := fails(t, n, "ADD", call(c, ""))
	took := time.Since(start)
	if took < 8900*time.Millisecond || took > 11*time.Second {
		t.Errorf("ADD took %v", took)
	}
	if e := err.(*types.Error); e.Msg != "error calling DHCP.Allocate: no more tries" {
		t.Errorf("error %+v", e)
	}
	wantIn(t, err, "no DHCP server answered on eth0 within ")
	first := listener.Next(t, dhcpv4.MessageTypeDiscover, limit)
	last := first
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		m := listener.Next(t, dhcpv4.MessageTypeDiscover, limit)
		wait := m.At.Sub(last.At)
		if wait < want*7/10 || wait > want*13/10+200*time.Millisecond || m.TransactionID != first.TransactionID {
			t.Errorf("sent again after %v, want about %v", wait, want)
		}
		last = m
	}
	if m := uint16(last.At.Sub(first.At) / time.Second); last.NumSeconds+1 < m || last.NumSeconds > m+1 {
		t.Errorf("secs is %d, not %d", last.NumSeconds, m)
	}
	if leases := dhcpnet.Leases(t, n); len(leases) > 0 {
		t.Errorf("leases %v", leases)
	}
}

// overheard returns a container whose DHCP messages the test hears in a server's place, with a
// daemon of these flags.
func overheard(t *testing.T, flags ...string) (*node.Node, *dhcpnet.Listener, *node.Container) {
	t.Helper()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	listener := s.Listen(t)
	dhcpnet.Daemon(t, n, flags...)
	return n, listener, plugged(t, n, s, "c")
}

// -resendmax bounds the waits.
func TestResendMax(t *testing.T) {
	t.Parallel()
	n, listener, c := overheard(t, "-timeout", "20s", "-resendtimeout", "2s", "-resendmax", "100ms")
	fails(t, n, "ADD", call(c, ""))
	if count := len(listener.Messages); count < 15 || count > 30 {
		t.Errorf("%d messages in 2 s", count)
	}
}

// Packets that are no answer are ignored, and counted; the answer that comes after
// them counts.
func TestHostile(t *testing.T) {
	t.Parallel()
	n, listener, c := overheard(t)
	done := make(chan error)
	go func() { done <- n.Run(t, "ADD", call(c, "")).Err() }()

	discover := listener.Next(t, dhcpv4.MessageTypeDiscover, limit).DHCPv4
	server := net.IPv4(10, 1, 2, 1)
	answer := func(to *dhcpv4.DHCPv4, kind dhcpv4.MessageType, change ...dhcpv4.Modifier) []byte {
		m, err := dhcpv4.NewReplyFromRequest(to, append([]dhcpv4.Modifier{
			dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(net.IPv4(10, 1, 2, 50)), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(server)),
			dhcpv4.WithNetmask(net.CIDRMask(24, 32)), dhcpv4.WithLeaseTime(3600),
		}, change...)...)
		if err != nil {
			t.Error(err)
		}
		return m.ToBytes()
	}
	hostile := func(to *dhcpv4.DHCPv4, kind dhcpv4.MessageType) [][]byte {
		good := answer(to, kind)
		changed := func(at int, value byte) []byte {
			data := append([]byte(nil), good...)
			data[at] = value
			return data
		}
		return [][]byte{
			{}, {1}, good[:100], good[:239], good[:241], make([]byte, 1400),
			changed(0, 1),             // a request
			changed(4, good[4]+1),     // of another transaction
			changed(28, good[28]+1),   // for another client
			changed(236, 0),           // wrong cookie
			changed(241, 255),         // a length beyond the end
			append(good[:240:240], 1), // an option without length
			answer(to, kind, dhcpv4.WithOption(dhcpv4.OptClientIdentifier([]byte("somebody else's")))),
			answer(to, dhcpv4.MessageTypeInform), answer(to, dhcpv4.MessageTypeDiscover),
			answer(to, kind, func(m *dhcpv4.DHCPv4) { m.Options.Del(dhcpv4.OptionServerIdentifier) }),
		}
	}
	for _, data := range hostile(discover, dhcpv4.MessageTypeOffer) {
		listener.Send(t, data)
	}
	listener.Send(t, answer(discover, dhcpv4.MessageTypeOffer))
	request := listener.Next(t, dhcpv4.MessageTypeRequest, limit).DHCPv4
	if got := request.RequestedIPAddress(); !got.Equal(net.IPv4(10, 1, 2, 50)) {
		t.Errorf("requests %v", got)
	}
	bad := hostile(request, dhcpv4.MessageTypeAck)
	bad = append(bad, answer(request, dhcpv4.MessageTypeAck, dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 6, 6, 6))),
		dhcpv4.WithYourIP(net.IPv4(10, 6, 6, 7))))
	for _, data := range bad {
		listener.Send(t, data)
	}
	listener.Send(t, answer(request, dhcpv4.MessageTypeAck))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	leases := dhcpnet.Leases(t, n)
	if len(leases) != 1 || leases[0].Address != "10.1.2.50/24" || leases[0].Server != "10.1.2.1" {
		t.Errorf("leases %+v", leases)
	}
	if leases[0].Ignored < uint64(2*len(bad)-2) {
		t.Errorf("%d packets were ignored, of %d", leases[0].Ignored, 2*len(bad)-1)
	}
}

// A client that hangs up ends what the daemon does for it.
func TestClientGone(t *testing.T) {
	t.Parallel()
	n, listener, c := overheard(t)
	ctx, hangUp := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		ended <- n.Do(func() error {
			client, err := rpc.Dial(ctx, "/run/cni/dhcp.sock")
			if err != nil {
				return err
			}
			defer client.Close()
			add := call(c, "")
			args := &skel.CmdArgs{ContainerID: add.ContainerID, Netns: add.Netns, IfName: add.IfName, StdinData: []byte(add.Config)}
			return client.Call(ctx, rpc.Allocate, args, new(current.Result))
		})
	}()
	listener.Next(t, dhcpv4.MessageTypeDiscover, limit)
	hangUp()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the call ended with %v", err)
	}
	start := time.Now()
	n.Must(t, "DEL", call(c, ""))
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("DEL waited %v for an ADD of nobody", took)
	}
	if leases := dhcpnet.Leases(t, n); len(leases) > 0 {
		t.Errorf("leases %v", leases)
	}
}

// offered answers a DHCPDISCOVER with an offer, awaits the DHCPREQUEST, and returns it with what makes
// an answer to it.
func offered(t *testing.T, listener *dhcpnet.Listener, discover dhcpnet.Message) (request dhcpnet.Message, answer func(...dhcpv4.Modifier) []byte) {
	t.Helper()
	reply := func(to *dhcpv4.DHCPv4, kind dhcpv4.MessageType, options ...dhcpv4.Modifier) []byte {
		m, err := dhcpv4.NewReplyFromRequest(to, append([]dhcpv4.Modifier{
			dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(net.IPv4(10, 1, 2, 50)),
			dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 1, 2, 1))), dhcpv4.WithLeaseTime(3600),
		}, options...)...)
		if err != nil {
			t.Fatal(err)
		}
		return m.ToBytes()
	}
	listener.Send(t, reply(discover.DHCPv4, dhcpv4.MessageTypeOffer))
	request = listener.Next(t, dhcpv4.MessageTypeRequest, limit)
	return request, func(options ...dhcpv4.Modifier) []byte {
		return reply(request.DHCPv4, dhcpv4.MessageTypeAck, options...)
	}
}

// An address that the server has granted in a way that is of no use, it gets back.
func TestUnusableGrant(t *testing.T) {
	t.Parallel()
	n, listener, c := overheard(t)
	for text, option := range map[string]dhcpv4.Modifier{
		"DHCP option Subnet Mask not found in DHCPACK": func(*dhcpv4.DHCPv4) {},
		"DHCPACK grants the address for no time":       func(m *dhcpv4.DHCPv4) { dhcpv4.WithNetmask(net.CIDRMask(24, 32))(m); dhcpv4.WithLeaseTime(0)(m) },
	} {
		done := make(chan error)
		go func() { done <- n.Run(t, "ADD", call(c, "")).Err() }()
		_, answer := offered(t, listener, listener.Next(t, dhcpv4.MessageTypeDiscover, limit))
		listener.Send(t, answer(option))
		release := listener.Next(t, dhcpv4.MessageTypeRelease, limit)
		if !release.ClientIPAddr.Equal(net.IPv4(10, 1, 2, 50)) || !release.ServerIdentifier().Equal(net.IPv4(10, 1, 2, 1)) {
			t.Errorf("%s: released %v to %v", text, release.ClientIPAddr, release.ServerIdentifier())
		}
		if err := <-done; err == nil {
			t.Errorf("%s: ADD succeeds", text)
		} else {
			wantIn(t, err, text)
		}
	}
}

// A DHCPREQUEST has the same secs as the DHCPDISCOVER whose offer it takes, however often it is sent.
func TestSecs(t *testing.T) {
	t.Parallel()
	n, listener, c := overheard(t)
	done := make(chan error)
	go func() { done <- n.Run(t, "ADD", call(c, "")).Err() }()
	discover := listener.Next(t, dhcpv4.MessageTypeDiscover, limit)
	for discover.NumSeconds == 0 {
		discover = listener.Next(t, dhcpv4.MessageTypeDiscover, limit)
	}
	request, answer := offered(t, listener, discover)
	again := listener.Next(t, dhcpv4.MessageTypeRequest, limit)
	if request.NumSeconds != discover.NumSeconds || again.NumSeconds != discover.NumSeconds {
		t.Errorf("secs %d, then %d, of the DHCPDISCOVER %d", request.NumSeconds, again.NumSeconds, discover.NumSeconds)
	}
	listener.Send(t, answer(dhcpv4.WithNetmask(net.CIDRMask(24, 32))))
	if err := <-done; err != nil {
		t.Error(err)
	}
}
