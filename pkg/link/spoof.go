package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/networkplumbing/go-nft/nft"
	"github.com/networkplumbing/go-nft/nft/schema"
)

// NftConfigurer applies and reads configurations of nftables.
type NftConfigurer interface {
	// Apply makes the changes, and returns what it added, with handles. It may
	// return nil if it does not know.
	Apply(*nft.Config) (*nft.Config, error)
	// Read returns the part of the ruleset that the words say, as in "chain",
	// "bridge", "nat" and "PREROUTING".
	Read(filterCommands ...string) (*nft.Config, error)
}

// nftTime bounds each run of nft(8).
const nftTime = 55 * time.Second

// nftTool runs nft(8).
type nftTool struct{}

func (nftTool) Apply(c *nft.Config) (*nft.Config, error) {
	ctx, cancel := context.WithTimeout(context.Background(), nftTime)
	defer cancel()
	return nft.ApplyConfigEcho(ctx, c)
}

func (nftTool) Read(filterCommands ...string) (*nft.Config, error) {
	ctx, cancel := context.WithTimeout(context.Background(), nftTime)
	defer cancel()
	return nft.ReadConfigContext(ctx, filterCommands...)
}

// SpoofChecker drops what comes from a port of a bridge with another source than
// one hardware address. It is for programs that were written for it: it runs
// nft(8), and makes rules that each frame on the node passes one by one. The
// plugins use pkg/spoof instead, which also removes what a SpoofChecker made.
type SpoofChecker struct {
	iface, mac, refID string
	configurer        NftConfigurer
	// added is what the last Setup added, if known.
	added *nft.Config
}

// NewSpoofChecker returns a checker for the port iface. The refID is part of the
// names that it gives to chains, and must differ from others' on the host.
func NewSpoofChecker(iface, macAddress, refID string) *SpoofChecker {
	return NewSpoofCheckerWithConfigurer(iface, macAddress, refID, nftTool{})
}

// NewSpoofCheckerWithConfigurer is like NewSpoofChecker with another way to
// nftables than nft(8).
func NewSpoofCheckerWithConfigurer(iface, macAddress, refID string, configurer NftConfigurer) *SpoofChecker {
	return &SpoofChecker{iface: iface, mac: macAddress, refID: refID, configurer: configurer}
}

// The table and the base chain of all checkers. Others may use them too.
const (
	SpoofTable = "nat"
	SpoofChain = "PREROUTING"
)

// SpoofNames returns what a checker calls its two chains, the second of which
// has the hardware address, and the comment of all its rules.
func SpoofNames(refID string) (chain, macChain, comment string) {
	chain = "cni-br-iface-" + refID
	return chain, chain + "-mac", "macspoofchk-" + refID
}

// Setup makes the chains and rules. Two transactions are needed: nft(8) takes
// chains that exist as they are, and only then they can be emptied.
func (sc *SpoofChecker) Setup() error {
	if _, err := sc.configurer.Apply(sc.chains()); err != nil {
		return fmt.Errorf("failed to setup spoof-check: %w", err)
	}
	added, err := sc.configurer.Apply(sc.rules())
	if err != nil {
		return fmt.Errorf("failed to setup spoof-check: %w", err)
	}
	sc.added = added
	return nil
}

// Teardown deletes what Setup made but for table and base chain. It reads the
// base chain only if it does not know the handle of its rule.
func (sc *SpoofChecker) Teardown() error {
	ruleErr := sc.deleteJump()
	c := nft.NewConfig()
	chain, macChain := sc.ownChains()
	c.DeleteChain(chain)
	c.DeleteChain(macChain)
	_, chainsErr := sc.configurer.Apply(c)
	if chainsErr != nil {
		chainsErr = fmt.Errorf("failed to delete regular chains: %w", chainsErr)
	}
	if ruleErr == nil && chainsErr == nil {
		return nil
	}
	return &teardownError{ruleErr, chainsErr}
}

// teardownError has the errors of both steps, of which one may be nil.
type teardownError struct{ rule, chains error }

func (e *teardownError) Error() string {
	return fmt.Sprintf("failed to teardown spoof-check: %v, %v", e.rule, e.chains)
}

func (e *teardownError) Unwrap() error { return errors.Join(e.rule, e.chains) }

// deleteJump deletes the rule of the base chain.
func (sc *SpoofChecker) deleteJump() error {
	present := sc.added
	if present == nil {
		var err error
		if present, err = sc.configurer.Read("chain", string(nft.FamilyBridge), SpoofTable, SpoofChain); err != nil {
			return err
		}
	}
	_, _, comment := SpoofNames(sc.refID)
	found := present.LookupRule(nft.NewRule(spoofTable(), spoofBase(), nil, nil, nil, comment))
	if len(found) == 0 {
		fmt.Fprintf(os.Stderr, "no rule of chain %s has the comment %s\n", SpoofChain, comment)
		return nil
	}
	c := nft.NewConfig()
	for _, rule := range found {
		c.DeleteRule(rule)
	}
	if _, err := sc.configurer.Apply(c); err != nil {
		return fmt.Errorf("failed to delete iface match rule: %w", err)
	}
	return nil
}

func spoofTable() *schema.Table { return nft.NewTable(SpoofTable, nft.FamilyBridge) }

func spoofBase() *schema.Chain {
	kind, hook, policy, priority := nft.TypeFilter, nft.HookPreRouting, nft.PolicyAccept, -300
	return nft.NewChain(spoofTable(), SpoofChain, &kind, &hook, &priority, &policy)
}

func (sc *SpoofChecker) ownChains() (chain, macChain *schema.Chain) {
	name, macName, _ := SpoofNames(sc.refID)
	return nft.NewRegularChain(spoofTable(), name), nft.NewRegularChain(spoofTable(), macName)
}

// chains returns the first transaction of Setup.
func (sc *SpoofChecker) chains() *nft.Config {
	c := nft.NewConfig()
	chain, macChain := sc.ownChains()
	c.AddTable(spoofTable())
	c.AddChain(spoofBase())
	c.AddChain(chain)
	c.AddChain(macChain)
	return c
}

// rules returns the second one.
func (sc *SpoofChecker) rules() *nft.Config {
	c := nft.NewConfig()
	chain, macChain := sc.ownChains()
	c.FlushChain(chain)
	c.FlushChain(macChain)
	fromPort := schema.Expression{RowData: json.RawMessage(`{"meta":{"key":"iifname"}}`)}
	source := schema.Expression{Payload: &schema.Payload{
		Protocol: schema.PayloadProtocolEther, Field: schema.PayloadFieldEtherSAddr,
	}}
	sc.addRule(c, spoofBase(), isEqual(fromPort, sc.iface), jumpTo(chain))
	sc.addRule(c, chain, jumpTo(macChain))
	sc.addRule(c, macChain, isEqual(source, sc.mac), schema.Statement{Verdict: schema.Return()})
	sc.addRule(c, macChain, schema.Statement{Verdict: schema.Drop()})
	return c
}

func (sc *SpoofChecker) addRule(c *nft.Config, chain *schema.Chain, statements ...schema.Statement) {
	_, _, comment := SpoofNames(sc.refID)
	c.AddRule(nft.NewRule(spoofTable(), chain, statements, nil, nil, comment))
}

func isEqual(left schema.Expression, right string) schema.Statement {
	return schema.Statement{Match: &schema.Match{Op: schema.OperEQ, Left: left, Right: schema.Expression{String: &right}}}
}

func jumpTo(chain *schema.Chain) schema.Statement {
	return schema.Statement{Verdict: schema.Verdict{Jump: &schema.ToTarget{Target: chain.Name}}}
}
