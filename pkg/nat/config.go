package nat

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/containernetworking/plugins/pkg/owner"
)

// Conf has the configuration keys of masquerading, for plugins to embed. Beside
// upstream's values it takes a family for ipMasq, and the last three keys.
type Conf struct {
	// IPMasq gives packets to elsewhere the host's address as source: true, or "ipv4" or "ipv6"
	// for one family. Default: false.
	IPMasq Families `json:"ipMasq"`
	// IPMasqBackend is what masquerades. Default: iptables where it works, else nftables.
	//
	//schema:value {"enum": ["iptables", "nftables"]}
	IPMasqBackend *string `json:"ipMasqBackend"`
	// MasqRandomFully lets the kernel choose source ports at random.
	MasqRandomFully bool `json:"masqRandomFully"`
	// IPMasqExclude are networks, in CIDR notation, that see the container's own address.
	// Default: none but its own subnet, and multicast.
	IPMasqExclude []string `json:"ipMasqExclude"`
	// IPMasqWithinSubnet says to masquerade also what stays in the container's own subnet.
	IPMasqWithinSubnet bool `json:"ipMasqWithinSubnet"`
}

// Families is the value of the key ipMasq: true for both families, or "ipv4" or
// "ipv6" for one of them.
//
//schema:value {"enum": [true, false, "ipv4", "ipv6"]}
type Families struct{ IPv4, IPv6 bool }

var errFamilies = errors.New(`ipMasq must be true, false, "ipv4" or "ipv6"`)

// UnmarshalJSON reads one of the four values.
func (f *Families) UnmarshalJSON(data []byte) error {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	switch value {
	case nil:
	case false:
		*f = Families{}
	case true:
		*f = Families{IPv4: true, IPv6: true}
	case "ipv4":
		*f = Families{IPv4: true}
	case "ipv6":
		*f = Families{IPv6: true}
	default:
		return errFamilies
	}
	return nil
}

// MarshalJSON writes the value that UnmarshalJSON reads.
func (f Families) MarshalJSON() ([]byte, error) {
	switch {
	case f.IPv4 && !f.IPv6:
		return json.Marshal("ipv4")
	case f.IPv6 && !f.IPv4:
		return json.Marshal("ipv6")
	}
	return json.Marshal(f.IPv4)
}

// Validate checks what does not matter where nothing is masqueraded.
func (c *Conf) Validate() error {
	if c.IPMasq == (Families{}) {
		return nil
	}
	if _, err := Open(c.IPMasqBackend); err != nil {
		return err
	}
	_, err := parseNetworks(c.IPMasqExclude)
	return err
}

// options of a valid configuration.
func (c *Conf) options() Options {
	excluded, _ := parseNetworks(c.IPMasqExclude)
	return Options{RandomFully: c.MasqRandomFully, Exclude: excluded}
}

// Add masquerades those of the addresses that the configuration says.
func (c *Conf) Add(a owner.Attachment, addresses []*net.IPNet) error {
	addresses = c.choose(addresses)
	if len(addresses) == 0 {
		return nil
	}
	m, err := Open(c.IPMasqBackend)
	if err != nil {
		return err
	}
	return m.Add(a, addresses, c.options())
}

// Check returns one error for all that Add made and that is not there. Add may have had
// another backend: the default depends on what was installed then.
func (c *Conf) Check(a owner.Attachment, addresses []*net.IPNet) error {
	addresses = c.choose(addresses)
	if len(addresses) == 0 {
		return nil
	}
	m, err := Open(c.IPMasqBackend)
	if err != nil {
		return err
	}
	fault := m.Check(a, addresses, c.options())
	for _, other := range []Masquerade{viaNFTables{}, viaIPTables{}} {
		if fault == nil || other != m && other.Check(a, addresses, c.options()) == nil {
			return nil
		}
	}
	return fault
}

// Wanted reports whether Add masquerades any of the addresses.
func (c *Conf) Wanted(addresses []*net.IPNet) bool { return len(c.choose(addresses)) > 0 }

// Resolve makes the backend that the default stands for now the configured one.
func (c *Conf) Resolve() {
	name := defaultBackend(c.IPMasqBackend)
	c.IPMasqBackend = &name
}

// Masqueraded returns what Add gets for the addresses.
func (c *Conf) Masqueraded(a owner.Attachment, addresses []*net.IPNet) Masqueraded {
	return Masqueraded{a, c.choose(addresses), c.options()}
}

// Available returns what Add would miss on this node.
func (c *Conf) Available() error {
	if c.IPMasq == (Families{}) {
		return nil
	}
	m, err := Open(c.IPMasqBackend)
	if err != nil {
		return err
	}
	if err := m.Available(); err != nil {
		return fmt.Errorf("ipMasq: %w", err)
	}
	return nil
}

// choose returns the addresses that are masqueraded. One by itself, without its subnet, has
// no neighbours to spare.
func (c *Conf) choose(addresses []*net.IPNet) []*net.IPNet {
	chosen := slices.DeleteFunc(slices.Clone(addresses), func(n *net.IPNet) bool {
		if n.IP.To4() != nil {
			return !c.IPMasq.IPv4
		}
		return !c.IPMasq.IPv6
	})
	for i, n := range chosen {
		if c.IPMasqWithinSubnet {
			_, bits := n.Mask.Size()
			chosen[i] = &net.IPNet{IP: n.IP, Mask: net.CIDRMask(bits, bits)}
		}
	}
	return chosen
}
