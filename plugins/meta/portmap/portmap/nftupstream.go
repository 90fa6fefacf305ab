package portmap

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/sandbox"
)

// What upstream has in nftables, in a table for each family, as it was given by the
// oldest of its releases: hostip_hostports has been empty since.
//
//	table ip cni_hostport {
//	    chain hostports { tcp dport 8080 dnat to 10.50.0.2:80 comment "CONTAINER" }
//	    chain hostip_hostports { ip daddr 192.0.2.1 tcp dport 8081 dnat to 10.50.0.2:80 comment "CONTAINER" }
//	    chain hostports_all { jump hostip_hostports; jump hostports }
//	    chain prerouting { fib daddr type local jump hostports_all }
//	    chain masquerading { ip saddr 10.50.0.2 ip daddr 10.50.0.2 masquerade comment "CONTAINER" }
//	}
//
// and alike output.
const (
	hostIPHostports = "hostip_hostports"
	hostportsAll    = "hostports_all"
	masquerading    = "masquerading"
)

func upstreamsTable(family nft.Family) nft.Table {
	return nft.Table{Family: family, Name: "cni_hostport"}
}

// upstreamsRule is a rule of upstream's, which names the container alone.
type upstreamsRule struct {
	nft.FoundRule
	chain string
	// matches are what the rule compares: values of fields, and protocol.
	matches  map[nft.Field][]byte
	protocol []byte
	// address and port are where it sends packets.
	address, port []byte
	masquerades   bool
}

// newUpstreamsRule reads a rule. Of what upstream does not make it reads nothing.
func newUpstreamsRule(found nft.FoundRule, chain string) upstreamsRule {
	r := upstreamsRule{FoundRule: found, chain: chain, matches: map[nft.Field][]byte{}}
	var field nft.Field // none stands for the protocol
	registers := map[uint32][]byte{}
	for e := range found.Exprs() {
		switch e.Name {
		case "meta":
			field = nft.Field{}
		case "payload":
			field = nft.Field{
				Base:   e.Number(unix.NFTA_PAYLOAD_BASE),
				Offset: e.Number(unix.NFTA_PAYLOAD_OFFSET),
				Length: e.Number(unix.NFTA_PAYLOAD_LEN),
			}
		case "cmp":
			value := e.Data(unix.NFTA_CMP_DATA, unix.NFTA_DATA_VALUE)
			if field == (nft.Field{}) {
				r.protocol = value
			} else {
				r.matches[field] = value
			}
		case "immediate":
			registers[e.Number(unix.NFTA_IMMEDIATE_DREG)] = e.Data(unix.NFTA_IMMEDIATE_DATA, unix.NFTA_DATA_VALUE)
		case "nat":
			r.address = registers[e.Number(unix.NFTA_NAT_REG_ADDR_MIN)]
			r.port = registers[e.Number(unix.NFTA_NAT_REG_PROTO_MIN)]
		case "masq":
			r.masquerades = true
		}
	}
	return r
}

// container returns the address of the container that the rule is for, or nil.
func (r upstreamsRule) container() net.IP {
	switch {
	case r.address != nil:
		return r.address
	case r.masquerades:
		for _, ip := range []net.IP{net.IPv4zero, net.IPv6zero} {
			if to := r.matches[nft.Destination(ip)]; to != nil {
				return to
			}
		}
	}
	return nil
}

// maps reports whether the rule is that of a mapping, of one port.
func (r upstreamsRule) maps(t target, m mapping) bool {
	var host []byte
	if address := m.address(); address != nil {
		host = nft.Addr(address)
	}
	return bytes.Equal(r.protocol, protocol(m.Protocol)) &&
		bytes.Equal(r.matches[nft.DestinationPort()], service(m.HostPort)) &&
		bytes.Equal(r.matches[nft.Destination(t.ip)], host) &&
		bytes.Equal(r.address, nft.Addr(t.ip)) && bytes.Equal(r.port, service(m.ContainerPort))
}

// upstreams returns the rules of a family that have a comment.
func upstreams(c *nft.Conn, family nft.Family) ([]upstreamsRule, error) {
	var all []upstreamsRule
	for _, chain := range []string{hostports, hostIPHostports, masquerading} {
		rules, err := c.Rules(upstreamsTable(family), chain)
		if err != nil {
			return nil, err
		}
		for _, r := range rules {
			if r.Comment != "" {
				all = append(all, newUpstreamsRule(r, chain))
			}
		}
	}
	return all, nil
}

// removeUpstreams removes some of upstream's rules.
func removeUpstreams(some func(upstreamsRule) bool) error {
	var errs []error
	for _, family := range []nft.Family{nft.IPv4, nft.IPv6} {
		errs = append(errs, nft.WithTable(upstreamsTable(family), func(c *nft.Conn) error {
			return change(c, func(x *changes) error {
				all, err := upstreams(c, family)
				for _, r := range all {
					if some(r) {
						x.tx.DeleteRule(upstreamsTable(family), r.chain, r.Handle)
					}
				}
				return err
			})
		}))
	}
	return errors.Join(errs...)
}

// collectUpstreams removes rules of containers that are gone. A rule does not say of
// which network it is: one of a container that is not valid may be that of another
// network, unless no interface on the node has its address.
func collectUpstreams(valid []owner.Attachment) error {
	var alive map[netip.Addr]bool
	var unknown error
	err := removeUpstreams(func(r upstreamsRule) bool {
		isOf := func(a owner.Attachment) bool { return a.ContainerID == r.Comment }
		ip := r.container()
		if unknown != nil || ip == nil || slices.ContainsFunc(valid, isOf) {
			return false
		}
		if alive == nil {
			if alive, unknown = sandbox.Addresses(); unknown != nil {
				return false
			}
		}
		address, _ := netip.AddrFromSlice(ip)
		return !alive[address.Unmap()]
	})
	return plugin.Join(err, unknown)
}

// isUpstreams reports whether upstream has rules for the container.
func (f *forward) isUpstreams(c *nft.Conn) (bool, error) {
	for _, t := range f.targets() {
		all, err := upstreams(c, t.nft())
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(all, func(r upstreamsRule) bool { return r.Comment == f.ContainerID }) {
			return true, nil
		}
	}
	return false, nil
}

// checkUpstreams returns one error for all of upstream's rules that are missing.
func (f *forward) checkUpstreams(c *nft.Conn) error {
	var errs []error
	for _, t := range f.targets() {
		if len(t.mappings()) > 0 {
			errs = append(errs, t.checkUpstreams(c)...)
		}
	}
	return plugin.Join(errs...)
}

func (t target) checkUpstreams(c *nft.Conn) []error {
	table := upstreamsTable(t.nft())
	var errs []error
	for _, chain := range []string{prerouting, output, hostportsAll} {
		rules, err := c.Rules(table, chain)
		if err == nil && len(rules) == 0 {
			err = fmt.Errorf("chain %s of table %s is empty", chain, table)
		}
		errs = append(errs, err)
	}
	all, err := upstreams(c, table.Family)
	if err != nil {
		return append(errs, err)
	}
	all = slices.DeleteFunc(all, func(r upstreamsRule) bool { return r.Comment != t.ContainerID })
	for _, m := range t.mappings() {
		for i := range m.count() {
			one := m.at(i)
			if !slices.ContainsFunc(all, func(r upstreamsRule) bool { return r.maps(t, one) }) {
				errs = append(errs, fmt.Errorf("host port %v is not mapped: no such rule in chain %s of table %s", one, hostports, table))
			}
		}
	}
	masquerades := func(r upstreamsRule) bool { return r.masquerades && r.container().Equal(t.ip) }
	if t.SNAT && !slices.ContainsFunc(all, masquerades) {
		errs = append(errs, fmt.Errorf("not masqueraded: no such rule in chain %s of table %s", masquerading, table))
	}
	return errs
}
