package portmap

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/netdev"
	"github.com/containernetworking/plugins/pkg/netlinksafe"
	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// A connection to 127.0.0.1 that is redirected leaves through an interface which
// the kernel lets such addresses pass only if route_localnet is set there. But
// then it also takes packets to 127.0.0.1 from the neighbours on that interface:
// they could reach services that listen on nothing else (CVE-2020-8558). So what
// comes from outside and has such an address is dropped first, when answers to
// redirected connections still have the host's other address.

// guardChain is the chain that does so, in the table of the nftables backend. It
// serves both backends, so that iptables has nothing but upstream's rules.
const guardChain = "guard"

// raw is the priority before connections are tracked, NF_IP_PRI_RAW.
const raw = -300

// openLocalhost lets connections to 127.0.0.1 through to the container.
func (f *forward) openLocalhost() error {
	key, err := f.localhostKey()
	if err != nil || key == "" {
		return err
	}
	if err := guard(); err != nil {
		return err
	}
	err = sysctl.Ensure(key, "1")
	if f.mapsLoopback() || !sysctl.IsForbidden(err) {
		return err
	}
	fmt.Fprintf(os.Stderr, "go on, but did not %v\n", err)
	return nil
}

// mapsLoopback reports whether somebody has asked for a port of 127.0.0.1. It is one of
// the host's addresses, but those who ask for all do not depend on it.
func (f *forward) mapsLoopback() bool {
	return slices.ContainsFunc(f.Mappings, func(m mapping) bool {
		host := net.ParseIP(m.HostIP)
		return host.To4() != nil && host.IsLoopback()
	})
}

// localhostKey returns the sysctl of the interface that leads to the container,
// or "" if none is needed.
func (f *forward) localhostKey() (string, error) {
	i := slices.IndexFunc(f.targets(), func(t target) bool { return !t.isIPv6() })
	if i < 0 || !f.SNAT {
		return "", nil
	}
	host, err := netlinksafe.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return "", err
	}
	defer host.Close()
	name, err := interfaceTo(host, f.targets()[i].ip)
	if err != nil || name == "" {
		return "", err
	}
	return "net/ipv4/conf/" + name + "/route_localnet", nil
}

// interfaceTo returns the name of the interface that packets to ip leave by, or
// "" if they do not leave or cannot.
func interfaceTo(host netlinksafe.Handle, ip net.IP) (string, error) {
	routes, err := host.RouteGet(ip)
	if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find the route to %s: %w", ip, err)
	}
	if len(routes) == 0 || routes[0].Type == unix.RTN_LOCAL {
		return "", nil
	}
	name, err := netdev.NameOf(routes[0].LinkIndex)
	if err != nil {
		return "", fmt.Errorf("find the interface to %s: %w", ip, err)
	}
	return name, nil
}

// guard makes the chain, as far as it is not there.
func guard() error {
	err := guardByNFTables()
	if nft.IsNotSupported(err) {
		return guardByIPTables()
	}
	return err
}

func guardByNFTables() error {
	return nft.With(func(c *nft.Conn) error { return change(c, (*changes).addGuard) })
}

func (x *changes) addGuard() error {
	exists, err := x.c.HasTable(table())
	if err != nil {
		return err
	}
	if !exists {
		x.tx.AddTable(table())
	}
	return x.c.CompleteChain(x.tx, table(), guardBase(), guardRules())
}

func guardBase() nft.Chain {
	return nft.Chain{Name: guardChain, Base: &nft.Base{Type: "filter", Hook: unix.NF_INET_PRE_ROUTING, Priority: raw}}
}

// guardRules drop packets with an address of localhost on either side, unless
// they have never left the host.
func guardRules() []nft.Rule {
	localhost := net.IPv4(127, 0, 0, 0).To4()
	var rules []nft.Rule
	for _, field := range []nft.Field{nft.Source(localhost), nft.Destination(localhost)} {
		exprs := append([]nft.Expr{nft.Meta(nft.Register1, unix.NFT_META_IIFNAME), nft.NotEqual(nft.Register1, nft.Interface("lo"))}, nft.Protocol(localhost)...)
		rules = append(rules, nft.Rule{Exprs: append(exprs,
			nft.Load(nft.Register1, field),
			nft.Mask(nft.Register1, net.CIDRMask(8, 32)),
			nft.Equal(nft.Register1, localhost),
			nft.Drop.End(),
		)})
	}
	return rules
}

// guardByIPTables does the same on kernels without nftables.
func guardByIPTables() error {
	return iptables.Change(rawTable, []iptables.Family{iptables.IPv4}, func(t *iptables.Table) error {
		for _, r := range missingGuard(t) {
			t.Append("PREROUTING", r)
		}
		return nil
	})
}

// missingGuard returns the rules for iptables that are not there.
func missingGuard(t *iptables.Table) []iptables.Rule {
	rules := []iptables.Rule{
		{"-s", "127.0.0.0/8", "!", "-i", "lo", "-j", "DROP"},
		{"-d", "127.0.0.0/8", "!", "-i", "lo", "-j", "DROP"},
	}
	return slices.DeleteFunc(rules, func(r iptables.Rule) bool { return t.Has("PREROUTING", r) })
}

const rawTable = "raw"

// checkLocalhost looks whether the way is open, and guarded.
func (f *forward) checkLocalhost() error {
	key, err := f.localhostKey()
	if err != nil || key == "" {
		return err
	}
	value, err := sysctl.Sysctl(key)
	if err != nil {
		return err
	}
	// Where nobody may set it, ADD had to do without.
	if value != "1" && (f.mapsLoopback() || !sysctl.IsForbidden(sysctl.Settable(key))) {
		err = fmt.Errorf("%s is %s, want 1", key, value)
	}
	return errors.Join(err, checkGuard())
}

func checkGuard() error {
	rules, err := guardsByNFTables()
	if err != nil && !nft.IsNotSupported(err) {
		return err
	}
	if len(rules) >= len(guardRules()) {
		return nil
	}
	return iptables.Check(rawTable, iptables.IPv4, func(t *iptables.Table) error {
		if len(missingGuard(t)) == 0 {
			return nil
		}
		return fmt.Errorf("chain %s of table %s has %d of %d rules", guardChain, table(), len(rules), len(guardRules()))
	})
}

func guardsByNFTables() ([]nft.FoundRule, error) {
	c, err := nft.Dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Rules(table(), guardChain)
}
