package nft_test

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/nft"
)

// within runs f with a connection to a node of its own, which the thread is in.
func within(t testing.TB, f func(*nft.Conn) error) {
	t.Helper()
	err := node.New(t).Do(func() error {
		c, err := nft.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		return f(c)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// expect compares a text, such as what nft(8) lists.
func expect(want, have string) error {
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(have, "\n")); diff != "" {
		return fmt.Errorf("(-want +have):\n%s", diff)
	}
	return nil
}

func list() string {
	out, err := exec.Command("nft", "list", "ruleset").CombinedOutput()
	if err != nil {
		return err.Error() + string(out)
	}
	return string(out)
}

var table = nft.Table{Family: nft.Bridge, Name: "t", Comment: "of a test"}

// spoofing is a transaction with one of everything.
func spoofing() *nft.Transaction {
	tx := &nft.Transaction{}
	tx.AddTable(table)
	tx.AddChain(table, nft.Chain{Name: "pre", Base: &nft.Base{Type: "filter", Hook: unix.NF_INET_PRE_ROUTING, Priority: -300, Drop: true}})
	tx.AddChain(table, nft.Chain{Name: "more", Comment: "a comment"})
	tx.AddSet(table, nft.Set{Name: "ports", Key: []nft.Type{nft.IfName, nft.EtherAddr}, Verdicts: true, Comment: "who may send what"})
	tx.AddSet(table, nft.Set{Name: "addresses", Key: []nft.Type{nft.IPv4Addr}, Value: []nft.Type{nft.Mark}})
	tx.AddRule(table, "pre", nft.Rule{Comment: "first", Exprs: []nft.Expr{
		nft.Meta(nft.Part(0), unix.NFT_META_IIFNAME),
		nft.Load(nft.Part(4), nft.Field{Base: unix.NFT_PAYLOAD_LL_HEADER, Offset: 6, Length: 6}),
		nft.Decide(nft.Part(0), "ports"),
	}})
	tx.AddRule(table, "pre", nft.Rule{Comment: "second", Exprs: []nft.Expr{nft.Accept.End()}})
	accept, jump := nft.Accept, nft.Jump("more")
	tx.AddElement(table, "ports", nft.Element{Key: port("veth0", 1), Verdict: &accept, Comment: "mine"})
	tx.AddElement(table, "ports", nft.Element{Key: port("veth1", 2), Verdict: &jump})
	tx.AddElement(table, "addresses", nft.Element{Key: nft.Addr(net.IPv4(192, 0, 2, 1)), Value: []byte{7, 0, 0, 0}})
	return tx
}

func port(name string, mac byte) []byte {
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	return nft.Concat(padded, []byte{2, 0, 0, 0, 0, mac})
}

const spoofingListed = `table bridge t {
	comment "of a test"
	map ports {
		type ifname . ether_addr : verdict
		flags timeout
		comment "who may send what"
		elements = { "veth0" . 02:00:00:00:00:01 comment "mine" : accept,
			     "veth1" . 02:00:00:00:00:02 : jump more }
	}

	map addresses {
		type ipv4_addr : mark
		flags timeout
		elements = { 192.0.2.1 : 0x00000007 }
	}

	chain pre {
		type filter hook prerouting priority dstnat; policy drop;
		iifname . ether saddr vmap @ports comment "first"
		accept comment "second"
	}

	chain more {
		comment "a comment"
	}
}
`

func TestTransaction(t *testing.T) {
	t.Parallel()
	within(t, func(c *nft.Conn) error {
		if err := c.Apply(spoofing()); err != nil {
			return err
		}
		if err := expect(inOrder(spoofingListed), inOrder(list())); err != nil {
			return err
		}
		rules, err := c.Rules(table, "pre")
		if err != nil || len(rules) != 2 || rules[0].Comment != "first" || rules[1].Comment != "second" {
			return fmt.Errorf("found rules %v, %v", rules, err)
		}
		tx := &nft.Transaction{}
		for _, r := range rules {
			tx.DeleteRule(table, "pre", r.Handle)
		}
		tx.DeleteElement(table, "ports", port("veth1", 2))
		tx.DeleteChain(table, "more")
		tx.DeleteChain(table, "pre")
		tx.DeleteSet(table, "ports")
		tx.DeleteSet(table, "addresses")
		if err := c.Apply(tx); err != nil {
			return err
		}
		return expect("table bridge t {\n\tcomment \"of a test\"\n}\n", list())
	})
}

// inOrder puts the elements of the map in the order of the constant, which the
// kernel does not.
func inOrder(ruleset string) string {
	lines := strings.Split(ruleset, "\n")
	for i, l := range lines {
		l = strings.TrimSpace(strings.NewReplacer("elements = { ", "", ",", "", " }", "").Replace(l))
		if strings.HasPrefix(l, `"veth`) {
			lines[i] = l
			if strings.HasPrefix(lines[i-1], `"veth1`) {
				lines[i-1], lines[i] = lines[i], lines[i-1]
			}
		}
	}
	return strings.Join(lines, "\n")
}

// A transaction that fails changes nothing, and says what was wrong.
func TestFailure(t *testing.T) {
	t.Parallel()
	within(t, func(c *nft.Conn) error {
		if err := c.Apply(spoofing()); err != nil {
			return err
		}
		before := list()
		generation, err := c.Generation()
		if err != nil {
			return err
		}
		for _, test := range []struct {
			last  func(*nft.Transaction)
			errno error
			text  string
		}{
			{func(tx *nft.Transaction) { tx.AddTable(table) }, unix.EEXIST, "add table bridge t: file exists"},
			{func(tx *nft.Transaction) { tx.AddChain(table, nft.Chain{Name: "more"}) }, unix.EEXIST, "add chain bridge t more: file exists"},
			{func(tx *nft.Transaction) { tx.AddRule(table, "none", nft.Rule{}) }, unix.ENOENT, "add rule to chain bridge t none: no such file or directory"},
			{func(tx *nft.Transaction) { tx.DeleteRule(table, "pre", 999) }, unix.ENOENT, "delete rule 999 of chain bridge t pre: no such file or directory"},
			{func(tx *nft.Transaction) { tx.DeleteChain(table, "more") }, unix.EBUSY, "delete chain bridge t more: device or resource busy"},
			{func(tx *nft.Transaction) {
				tx.AddElement(table, "addresses", nft.Element{Key: []byte{192, 0, 2, 1}, Value: []byte{7, 0, 0, 0}})
			}, unix.EEXIST, "add element to set bridge t addresses: file exists"},
			{func(tx *nft.Transaction) { tx.DeleteElement(table, "addresses", []byte{192, 0, 2, 2}) }, unix.ENOENT, "delete element of set bridge t addresses: no such file or directory"},
			{func(tx *nft.Transaction) { tx.Generation = generation - 1 }, unix.ERESTART, "apply transaction: interrupted system call should be restarted"},
		} {
			tx := &nft.Transaction{}
			tx.AddChain(table, nft.Chain{Name: "new"})
			test.last(tx)
			// The error is not the last thing the kernel has to say.
			tx.AddRule(table, "nowhere", nft.Rule{})
			err := c.Apply(tx)
			if err == nil || !errors.Is(err, test.errno) || err.Error() != test.text {
				return fmt.Errorf("have error %q, want %q", err, test.text)
			}
			if err := expect(before, list()); err != nil {
				return fmt.Errorf("after %q: %w", test.text, err)
			}
			if found, err := c.HasChain(table, "new"); err != nil || found {
				return fmt.Errorf("after %q: chain found: %v, %v", test.text, found, err)
			}
		}
		tx := &nft.Transaction{Generation: generation}
		tx.AddChain(table, nft.Chain{Name: "new"})
		return c.Apply(tx)
	})
}

func TestFind(t *testing.T) {
	t.Parallel()
	within(t, func(c *nft.Conn) error {
		questions := []struct {
			name string
			ask  func() (bool, error)
		}{
			{"table", func() (bool, error) { return c.HasTable(table) }},
			{"chain", func() (bool, error) { return c.HasChain(table, "pre") }},
			{"set", func() (bool, error) { return c.HasSet(table, "addresses") }},
			{"sets", func() (bool, error) {
				names, err := c.Sets(table)
				return slices.Contains(names, "addresses") && slices.Contains(names, "ports"), err
			}},
			{"element", func() (bool, error) {
				x, found, err := c.Element(table, "addresses", []byte{192, 0, 2, 1})
				return found && cmp.Equal(x.Value, []byte{7, 0, 0, 0}), err
			}},
			{"comment", func() (bool, error) {
				x, found, err := c.Element(table, "ports", port("veth0", 1))
				return found && x.Comment == "mine" && cmp.Equal(x.Key, port("veth0", 1)), err
			}},
			{"elements", func() (bool, error) {
				all, err := c.Elements(table, "ports")
				return len(all) == 2, err
			}},
			{"some elements", func() (bool, error) {
				some, err := c.SomeElements(table, "ports", 1)
				return len(some) == 2, err
			}},
			{"rules", func() (bool, error) {
				rules, err := c.Rules(table, "pre")
				return len(rules) == 2, err
			}},
		}
		for _, exists := range []bool{false, true} {
			for _, q := range questions {
				if found, err := q.ask(); err != nil || found != exists {
					return fmt.Errorf("%s: found %v, want %v, error %v", q.name, found, exists, err)
				}
			}
			if !exists {
				if err := c.Apply(spoofing()); err != nil {
					return err
				}
			}
		}
		if _, found, err := c.Element(table, "addresses", []byte{192, 0, 2, 2}); found || err != nil {
			return fmt.Errorf("found an element that nobody made: %v", err)
		}
		return nil
	})
}

// A transaction of which very much fails tells why, and the next one on the connection is as
// any other.
func TestManyFailures(t *testing.T) {
	t.Parallel()
	within(t, func(c *nft.Conn) error {
		if err := c.Apply(spoofing()); err != nil {
			return err
		}
		attempt := 0
		return c.Change(func(tx *nft.Transaction) error {
			if attempt++; attempt > 1 {
				tx.AddElement(table, "addresses", nft.Element{Key: []byte{10, 9, 9, 9}, Value: []byte{7, 0, 0, 0}})
				return nil
			}
			for n := range 2000 {
				tx.DeleteElement(table, "addresses", []byte{10, 8, byte(n >> 8), byte(n)})
			}
			return nil
		})
	})
}

// Large transactions and lists take more than a datagram and a buffer.
func TestMany(t *testing.T) {
	t.Parallel()
	within(t, func(c *nft.Conn) error {
		const many = 3000
		key := func(i int) []byte { return []byte{10, 0, byte(i >> 8), byte(i)} }
		add, del := &nft.Transaction{}, &nft.Transaction{}
		add.AddTable(table)
		add.AddSet(table, nft.Set{Name: "s", Key: []nft.Type{nft.IPv4Addr}})
		add.AddChain(table, nft.Chain{Name: "c"})
		for i := range many {
			add.AddElement(table, "s", nft.Element{Key: key(i), Comment: strings.Repeat("x", nft.MaxComment+9)})
			add.AddRule(table, "c", nft.Rule{Comment: fmt.Sprint(i), Exprs: []nft.Expr{nft.Return.End()}})
			del.DeleteElement(table, "s", key(i))
		}
		if err := c.Apply(add); err != nil {
			return err
		}
		rules, err := c.Rules(table, "c")
		if err != nil || len(rules) != many || rules[many-1].Comment != fmt.Sprint(many-1) {
			return fmt.Errorf("%d rules: %v", len(rules), err)
		}
		all, err := c.Elements(table, "s")
		if err != nil || len(all) != many || all[0].Comment != strings.Repeat("x", nft.MaxComment) {
			return fmt.Errorf("%d elements, the first with comment %q: %w", len(all), all[0].Comment, err)
		}
		some, err := c.SomeElements(table, "s", 1)
		if err != nil || len(some) < 2 || len(some) > many/2 {
			return fmt.Errorf("%d of the elements: %v", len(some), err)
		}
		if err := c.Apply(del); err != nil {
			return err
		}
		some, err = c.SomeElements(table, "s", 1)
		if err != nil || len(some) > 0 {
			return fmt.Errorf("%d elements are left: %v", len(some), err)
		}
		return nil
	})
}

func TestIsNotSupported(t *testing.T) {
	for err, want := range map[error]bool{nil: false, unix.EPERM: false, unix.ENOENT: false, unix.EINVAL: true, unix.EAFNOSUPPORT: true} {
		if err != nil {
			err = fmt.Errorf("look up: %w", err)
		}
		if have := nft.IsNotSupported(err); have != want {
			t.Errorf("%v: %v, want %v", err, have, want)
		}
	}
}
