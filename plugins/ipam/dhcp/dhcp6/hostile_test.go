package dhcp6

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"golang.org/x/sys/unix"
)

// A liar is a server that answers as a test tells it to.
type liar struct {
	*socket
	t *testing.T
}

func (n *network) liar(t *testing.T) *liar {
	t.Helper()
	s, err := listen(n.server, unix.SOCK_DGRAM, unix.IPPROTO_UDP, func(fd int) error {
		group := &unix.IPv6Mreq{Multiaddr: servers.As16(), Interface: uint32(n.srv0.Attrs().Index)}
		return errors.Join(
			unix.BindToDevice(fd, "srv0"),
			unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, group),
			unix.Bind(fd, &unix.SockaddrInet6{Port: serverPort}))
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.file.Close() })
	return &liar{s, t}
}

// hear returns the next message and who sent it.
func (l *liar) hear() (*dhcpv6.Message, netip.Addr) {
	p, err := l.receive(l.t.Context(), time.Now().Add(budget))
	if err != nil {
		l.t.Error(err)
		return nil, netip.Addr{}
	}
	m, err := dhcpv6.MessageFromBytes(p.data)
	if err != nil {
		l.t.Error(err)
	}
	return m, p.from
}

func (l *liar) tell(to netip.Addr, message []byte) {
	if err := l.send(message, to, clientPort); err != nil {
		l.t.Error(err)
	}
}

var (
	lender   = DUID{0, 3, 0, 1, 2, 0, 0, 0, 0, 1}
	stranger = DUID{0, 3, 0, 1, 2, 0, 0, 0, 0, 2}
	lent     = netip.MustParseAddr("2001:db8:1::50")
)

// reply is a correct answer to a message.
func reply(kind dhcpv6.MessageType, to *dhcpv6.Message) *dhcpv6.Message {
	m := &dhcpv6.Message{MessageType: kind, TransactionID: to.TransactionID}
	m.AddOption(to.GetOneOption(dhcpv6.OptionClientID))
	m.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionServerID, OptionData: lender})
	ia := &dhcpv6.OptIANA{T1: 100 * time.Second, T2: 200 * time.Second}
	if asked := to.Options.OneIANA(); asked != nil {
		ia.IaId = asked.IaId
	}
	ia.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: lent.AsSlice(), PreferredLifetime: 300 * time.Second, ValidLifetime: 300 * time.Second})
	m.AddOption(ia)
	return m
}

// falsify returns answers that are not to be believed, and the counters after
// them.
func falsify(kind dhcpv6.MessageType, to *dhcpv6.Message) (lies [][]byte, want map[string]uint64) {
	want = make(map[string]uint64)
	lie := func(counter string, message []byte) {
		lies = append(lies, message)
		want[counter]++
	}
	change := func(counter string, change func(*dhcpv6.Message)) {
		m := reply(kind, to)
		change(m)
		lie(counter, m.ToBytes())
	}
	replace := func(counter string, code dhcpv6.OptionCode, data []byte) {
		change(counter, func(m *dhcpv6.Message) { m.UpdateOption(&dhcpv6.OptionGeneric{OptionCode: code, OptionData: data}) })
	}
	whole := reply(kind, to).ToBytes()
	lie("malformed", nil)
	lie("malformed", whole[:3])
	lie("malformed", whole[:len(whole)-1])
	lie("malformed", slices.Concat(whole, make([]byte, maxMessage)))
	replace("malformed", dhcpv6.OptionIANA, []byte{1, 2, 3})
	replace("malformed", dhcpv6.OptionServerID, []byte{0})
	replace("malformed", dhcpv6.OptionDNSRecursiveNameServer, make([]byte, 17))
	replace("malformed", dhcpv6.OptionDomainSearchList, []byte{1, 'a', 0xc0, 0}) // a pointer to itself
	replace("malformed", dhcpv6.OptionDomainSearchList, []byte{3, 'a', '\n', 'b', 0})
	replace("malformed", dhcpv6.OptionPreference, nil)
	change("malformed", func(m *dhcpv6.Message) { m.AddOption(m.GetOneOption(dhcpv6.OptionServerID)) })
	change("type", func(m *dhcpv6.Message) { m.MessageType = dhcpv6.MessageTypeReconfigure })
	change("type", func(m *dhcpv6.Message) { m.MessageType = dhcpv6.MessageTypeRelayReply })
	change("transaction", func(m *dhcpv6.Message) { m.TransactionID[0]++ })
	replace("client", dhcpv6.OptionClientID, stranger)
	change("client", func(m *dhcpv6.Message) { m.Options.Del(dhcpv6.OptionClientID) })
	change("server", func(m *dhcpv6.Message) { m.Options.Del(dhcpv6.OptionServerID) })
	if kind == dhcpv6.MessageTypeReply {
		replace("server", dhcpv6.OptionServerID, stranger)
	} else {
		change("type", func(m *dhcpv6.Message) { m.MessageType = dhcpv6.MessageTypeReply }) // without rapid commit
	}
	change("content", func(m *dhcpv6.Message) { m.Options.Del(dhcpv6.OptionIANA) })
	change("content", func(m *dhcpv6.Message) { m.Options.OneIANA().IaId[0]++ })
	change("content", func(m *dhcpv6.Message) { m.Options.OneIANA().T1 = time.Hour })
	address := func(edit func(*dhcpv6.OptIAAddress)) {
		change("content", func(m *dhcpv6.Message) { edit(m.Options.OneIANA().Options.OneAddress()) })
	}
	address(func(a *dhcpv6.OptIAAddress) { a.PreferredLifetime = time.Hour })
	address(func(a *dhcpv6.OptIAAddress) { a.IPv6Addr = []byte(nodes.AsSlice()) })
	address(func(a *dhcpv6.OptIAAddress) { a.IPv6Addr = netip.MustParseAddr("fe80::1").AsSlice() })
	address(func(a *dhcpv6.OptIAAddress) { a.IPv6Addr = netip.MustParseAddr("::ffff:192.0.2.1").AsSlice() })
	address(func(a *dhcpv6.OptIAAddress) {
		a.Options.Add(&dhcpv6.OptStatusCode{StatusCode: iana.StatusNoAddrsAvail})
	})
	return lies, want
}

func counts(i *Ignored) map[string]uint64 {
	all := map[string]uint64{
		"malformed": i.Malformed.Load(), "type": i.Type.Load(), "transaction": i.Transaction.Load(),
		"client": i.Client.Load(), "server": i.Server.Load(), "content": i.Content.Load(),
	}
	for name, n := range all {
		if n == 0 {
			delete(all, name)
		}
	}
	return all
}

func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	liar := net.liar(t)
	want := make(map[string]uint64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, kind := range []dhcpv6.MessageType{dhcpv6.MessageTypeAdvertise, dhcpv6.MessageTypeReply} {
			m, from := liar.hear()
			lies, counts := falsify(kind, m)
			for _, lie := range lies {
				liar.tell(from, lie)
			}
			for counter, n := range counts {
				want[counter] += n
			}
			liar.tell(from, reply(kind, m).ToBytes())
		}
	}()
	client := newClient()
	lease := net.acquire(t, client)
	<-done
	if len(lease.Addresses) != 1 || lease.Addresses[0].IP != lent || lease.Server.String() != lender.String() {
		t.Errorf("lease %+v", lease)
	}
	if diff := cmp.Diff(want, counts(client.Ignored)); diff != "" {
		t.Errorf("ignored (-want +got):\n%s", diff)
	}
}

// TestUnkeptOffer has a server that offers and, asked, has nothing: the client
// neither gives up nor asks all the time.
func TestUnkeptOffer(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	liar := net.liar(t)
	solicits := make(chan int, 1)
	go func() {
		n := 0
		defer func() { solicits <- n }()
		for {
			p, err := liar.receive(t.Context(), time.Now().Add(4*time.Second))
			if err != nil {
				return
			}
			m, err := dhcpv6.MessageFromBytes(p.data)
			if err != nil {
				t.Error(err)
				return
			}
			kind := dhcpv6.MessageTypeReply
			if m.MessageType == dhcpv6.MessageTypeSolicit {
				kind = dhcpv6.MessageTypeAdvertise
				n++
			}
			answer := reply(kind, m)
			if kind == dhcpv6.MessageTypeReply {
				answer.Options.Del(dhcpv6.OptionIANA)
				answer.AddOption(&dhcpv6.OptStatusCode{StatusCode: iana.StatusNotOnLink, StatusMessage: "moved\n"})
			}
			liar.tell(p.from, answer.ToBytes())
		}
	}()
	_, err := newClient().Acquire(within(t, 3*time.Second), net.container, net.eth0)
	var status *StatusError
	if !errors.As(err, &status) || !strings.Contains(err.Error(), `server says NotOnLink: "moved\n"`) {
		t.Error(err)
	}
	if n := <-solicits; n < 2 || n > 3 {
		t.Errorf("%d solicitations in 3 s", n)
	}
}

// TestLateReply has a server that lends an address when nobody waits any more.
func TestLateReply(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	liar := net.liar(t)
	released := make(chan bool, 1)
	ctx, cancel := context.WithCancel(withBudget(t))
	go func() {
		m, from := liar.hear()
		liar.tell(from, reply(dhcpv6.MessageTypeAdvertise, m).ToBytes())
		liar.hear() // REQUEST
		cancel()
		m, _ = liar.hear()
		ia := m.Options.OneIANA()
		released <- m.MessageType == dhcpv6.MessageTypeRelease && ia != nil && ia.Options.OneAddress().IPv6Addr.Equal(lent.AsSlice())
	}()
	if _, err := newClient().Acquire(ctx, net.container, net.eth0); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if !<-released {
		t.Error("the server heard of no release")
	}
}

// TestCancel ends an exchange long before its deadline.
func TestCancel(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	liar := net.liar(t)
	ctx, cancel := context.WithCancel(withBudget(t))
	go func() {
		liar.hear()
		cancel()
	}()
	start := time.Now()
	if _, err := newClient().Acquire(ctx, net.container, net.eth0); !errors.Is(err, context.Canceled) || errors.Is(err, ErrNoServer) {
		t.Error(err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("ended after %v", took)
	}
}

// TestLinkGone deletes the link during an exchange.
func TestLinkGone(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	liar := net.liar(t)
	go func() {
		liar.hear()
		if err := net.container.LinkDel(net.eth0); err != nil {
			t.Error(err)
		}
	}()
	_, err := newClient().Acquire(withBudget(t), net.container, net.eth0)
	if err == nil || errors.Is(err, ErrNoServer) || !strings.Contains(err.Error(), `send SOLICIT on "eth0", which is gone`) {
		t.Error(err)
	}
}

// TestLinkFlaps sets the link down and up during an exchange, which goes on.
func TestLinkFlaps(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	liar := net.liar(t)
	go func() {
		liar.hear()
		for _, change := range []error{net.container.LinkSetDown(net.eth0), net.container.LinkSetUp(net.eth0)} {
			if change != nil {
				t.Error(change)
			}
		}
		m, from := liar.hear()
		m.MessageType = dhcpv6.MessageTypeSolicit
		answer := reply(dhcpv6.MessageTypeReply, m)
		answer.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit})
		liar.tell(from, answer.ToBytes())
	}()
	net.acquire(t, newClient())
}

func TestNoLinkLocalAddress(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	if err := net.container.LinkSetDown(net.eth0); err != nil {
		t.Fatal(err)
	}
	_, err := newClient().Acquire(within(t, 200*time.Millisecond), net.container, net.eth0)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `"eth0" has no link-local address to send from (the link is down)`) {
		t.Error(err)
	}
}

// TestForgedAdvertisements come from further away than the link, or are broken.
func TestForgedAdvertisements(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	forger, err := listenRouters(net.server, net.srv0)
	if err != nil {
		t.Fatal(err)
	}
	defer forger.file.Close()
	setHopLimit := func(limit int) {
		err := forger.raw.Control(func(fd uintptr) {
			if err := unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, limit); err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
	ignored := new(Ignored)
	done := make(chan error, 1)
	go func() {
		_, err := AwaitAdvertisement(within(t, 3*time.Second), net.container, net.eth0, Wanted{Address: true}, ignored)
		done <- err
	}()
	// It listens when it asks; but so does the kernel ask, of itself.
	listener, err := listen(net.server, unix.SOCK_RAW, unix.IPPROTO_ICMPV6, func(fd int) error {
		group := &unix.IPv6Mreq{Multiaddr: routers.As16(), Interface: uint32(net.srv0.Attrs().Index)}
		return errors.Join(unix.BindToDevice(fd, "srv0"), unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, group))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.file.Close()
	for ignored.Total() == 0 {
		p, err := listener.receive(t.Context(), time.Now().Add(budget))
		if err != nil {
			t.Fatal(err)
		}
		if p.data[0] != routerSolicitation {
			continue
		}
		setHopLimit(64)
		forger.send(advertisement(), nodes, 0)
		setHopLimit(255)
		forger.send(advertisement()[:20], nodes, 0)
	}
	if err := <-done; !errors.Is(err, ErrNoRouter) {
		t.Error(err)
	}
	if n := ignored.Advertisement.Load(); n < 2 || n != ignored.Total() {
		t.Errorf("ignored: %v", ignored)
	}
}

// TestPortInUse has another socket at the port: one that is left of the last exchange, and one of
// somebody who does not share it.
func TestPortInUse(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	net.dnsmasq(t, stateful)
	client := newClient()
	left, err := client.open(withBudget(t), net.container, net.eth0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Acquire(withBudget(t), net.container, net.eth0); err != nil {
		t.Error("beside one that is left:", err)
	}
	left.file.Close()
	other, err := listen(net.container, unix.SOCK_DGRAM, unix.IPPROTO_UDP, func(fd int) error {
		return unix.Bind(fd, &unix.SockaddrInet6{Port: clientPort})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer other.file.Close()
	if _, err := client.Acquire(withBudget(t), net.container, net.eth0); !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), "%eth0, port 546: ") {
		t.Error("beside somebody's:", err)
	}
}
