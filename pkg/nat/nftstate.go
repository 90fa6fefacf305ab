package nat

import (
	"net"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
)

// The names that are upstream's.
const (
	masqChecks  = "masq_checks"
	postrouting = "postrouting"
)

// natSource is the priority that nft(8) calls srcnat, NF_IP_PRI_NAT_SRC.
const natSource = 100

// attachments is the name of the set that says who has which address.
const attachments = "attachments"

func masqTable() nft.Table {
	return nft.Table{
		Family: nft.Inet, Name: "cni_plugins_masquerade",
		Comment: "Masquerading for plugins from github.com/containernetworking/plugins",
	}
}

// entry is one address of an attachment.
type entry struct {
	// key is the one in the set attachments.
	key []byte
	ip  net.IP
	// set is the name of the set that has the address.
	set string
	// shared says that another attachment may have the same address: who has it in the name
	// of its own leaves it to that one.
	shared bool
	// rule is the one that uses the set, and spared the networks that it excludes; of new
	// entries only.
	rule   nft.Rule
	spared []*net.IPNet
}

// String returns the comment of the entry in the set attachments.
func (e entry) String() string {
	text := e.ip.String() + " " + e.set
	if e.shared {
		text += sharedSuffix
	}
	return text
}

const sharedSuffix = " shared"

// element is that of the set attachments.
func (e entry) element() nft.Element { return nft.Element{Key: e.key, Comment: e.String()} }

func (e entry) same(other entry) bool { return e.set == other.set && e.ip.Equal(other.ip) }

// isIn reports whether the entry's set is for addresses of the subnet of address.
func (e entry) isIn(address *net.IPNet) bool {
	options, ok := strings.CutPrefix(e.set, setName(address, Options{}))
	return ok && (options == "" || options[0] == '_')
}

// parseEntry reads an element of the set attachments. If somebody else put it
// there, it may have no address.
func parseEntry(x nft.Element) entry {
	address, set, _ := strings.Cut(x.Comment, " ")
	set, shared := strings.CutSuffix(set, sharedSuffix)
	return entry{key: x.Key, ip: net.ParseIP(address), set: set, shared: shared}
}

// newEntries returns an entry for each address.
func newEntries(a owner.Attachment, addresses []*net.IPNet, o Options) []entry {
	var entries []entry
	for _, address := range addresses {
		e := entry{ip: address.IP, set: setName(address, o), rule: subnetRule(address, o), spared: networksLike(address.IP, o.Exclude)}
		if !slices.ContainsFunc(entries, e.same) {
			e.key = nft.OwnerKey(a.Prefix(), len(entries))
			entries = append(entries, e)
		}
	}
	return entries
}

// How names of sets begin.
const (
	setPrefix4 = "ip_"
	setPrefix6 = "ip6_"
)

// setName returns the name of the set for addresses that are treated alike: of
// one subnet, or of none. A colon is not for names.
func setName(address *net.IPNet, o Options) string {
	name := setPrefix6
	if address.IP.To4() != nil {
		name = setPrefix4
	}
	if alone(address) {
		name += "hosts"
	} else {
		name += strings.ReplaceAll(subnet(address).String(), ":", "_")
	}
	if o.RandomFully {
		name += "_fully-random"
	}
	return name + exceptFor(address.IP, o)
}

// isSetName reports whether a set has addresses, in the form of setName.
func isSetName(set string) bool {
	return (strings.HasPrefix(set, setPrefix4) || strings.HasPrefix(set, setPrefix6)) && !strings.HasSuffix(set, networks)
}

// alone reports whether an address has no subnet, as is usual for point-to-point
// links. Then there are no neighbours to spare, and all such addresses share one
// rule, which has no condition on the destination.
func alone(address *net.IPNet) bool {
	ones, bits := address.Mask.Size()
	return ones == bits
}

// subnetRule masquerades the addresses of the set for address's subnet. Its
// comment is the set's name.
func subnetRule(address *net.IPNet, o Options) nft.Rule {
	set := setName(address, o)
	return nft.Rule{Comment: set, Exprs: slices.Concat(nft.Protocol(address.IP), []nft.Expr{
		nft.Load(nft.Register1, nft.Source(address.IP)),
		nft.In(nft.Register1, set),
	}, beyond(address), beyondNetworks(address.IP, set), []nft.Expr{nft.Masquerade(o.RandomFully)})}
}

// beyond goes on with what is for none of the neighbours of an address.
func beyond(address *net.IPNet) []nft.Expr {
	if alone(address) {
		return nil
	}
	return beyondNetwork(subnet(address))
}

func beyondNetwork(n *net.IPNet) []nft.Expr {
	return append(destinationIn(n.Mask, n.IP), nft.NotEqual(nft.Register1, nft.Addr(n.IP)))
}

func withinNetwork(n *net.IPNet) []nft.Expr {
	return append(destinationIn(n.Mask, n.IP), nft.Equal(nft.Register1, nft.Addr(n.IP)))
}

// destinationIn loads the part of the destination, of the family of ip, that the mask has.
func destinationIn(mask net.IPMask, ip net.IP) []nft.Expr {
	return []nft.Expr{nft.Load(nft.Register1, nft.Destination(ip)), nft.Mask(nft.Register1, mask)}
}

// addMissing adds the sets of the entries, each with the rule that uses it, as
// far as they do not exist. Where one exists, so does what all have in common.
func addMissing(c *nft.Conn, tx *nft.Transaction, entries []entry) error {
	seen, skeleton := map[string]bool{}, false
	for _, e := range entries {
		if seen[e.set] {
			continue
		}
		seen[e.set] = true
		exists, err := c.HasSet(masqTable(), e.set)
		if err != nil {
			return err
		}
		if exists {
			continue
		}
		if !skeleton {
			if err := addSkeleton(c, tx); err != nil {
				return err
			}
			skeleton = true
		}
		tx.AddSet(masqTable(), nft.Set{Name: e.set, Key: []nft.Type{nft.AddrType(e.ip)}})
		if err := addNetworks(c, tx, e); err != nil {
			return err
		}
		tx.AddRule(masqTable(), masqChecks, e.rule)
	}
	return nil
}

// addSkeleton adds what all attachments have in common, as far as it does not
// exist.
func addSkeleton(c *nft.Conn, tx *nft.Transaction) error {
	table := masqTable()
	for _, part := range []struct {
		has func() (bool, error)
		add func()
	}{
		{func() (bool, error) { return c.HasTable(table) }, func() { tx.AddTable(table) }},
		{func() (bool, error) { return c.HasChain(table, masqChecks) }, func() {
			tx.AddChain(table, nft.Chain{
				Name:    masqChecks,
				Comment: "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet",
			})
		}},
		{func() (bool, error) { return c.HasChain(table, postrouting) }, func() { addPostrouting(tx) }},
		{func() (bool, error) { return c.HasSet(table, attachments) }, func() {
			tx.AddSet(table, nft.OwnerSet(attachments))
		}},
	} {
		exists, err := part.has()
		if err != nil {
			return err
		}
		if !exists {
			part.add()
		}
	}
	return nil
}

func addPostrouting(tx *nft.Transaction) {
	tx.AddChain(masqTable(), nft.Chain{
		Name: postrouting,
		Base: &nft.Base{Type: "nat", Hook: unix.NF_INET_POST_ROUTING, Priority: natSource},
	})
	addPostroutingRules(tx)
}

func addPostroutingRules(tx *nft.Transaction) {
	for _, ip := range []net.IP{net.IPv4zero, net.IPv6zero} {
		group := multicast(ip)
		tx.AddRule(masqTable(), postrouting, nft.Rule{Exprs: append(nft.Protocol(ip),
			nft.Load(nft.Register1, nft.Destination(ip)),
			nft.Mask(nft.Register1, group.Mask),
			nft.Equal(nft.Register1, nft.Addr(group.IP)),
			nft.Return.End(),
		)})
	}
	tx.AddRule(masqTable(), postrouting, nft.Rule{Exprs: []nft.Expr{nft.Goto(masqChecks).End()}})
}

// postroutingRules is how many they are.
const postroutingRules = 3
