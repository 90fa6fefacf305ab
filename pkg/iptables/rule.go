package iptables

import (
	"net"
	"slices"
	"strings"
)

// Rule is a rule of a chain, as the arguments that iptables(8) takes and that
// iptables-save(8) prints: "-s", "192.0.2.1/32", "-j", "ACCEPT".
type Rule []string

// Comment returns the match that gives a rule a comment, of at most MaxComment
// bytes.
func Comment(text string) []string { return []string{"-m", "comment", "--comment", text} }

// MaxComment is the length that comments can have, in bytes: the kernel keeps
// 256 with a final 0 (linux/netfilter/xt_comment.h).
const MaxComment = 255

// Host returns the network of one address.
func Host(ip net.IP) string {
	if ip.To4() != nil {
		return ip.String() + "/32"
	}
	return ip.String() + "/128"
}

// Comment returns the rule's comment, or "".
func (r Rule) Comment() string { return r.Value("--comment") }

// Target returns where packets that match go: a verdict or a chain.
func (r Rule) Target() string { return r.Value("-j") }

// Source returns the network that the rule matches source addresses with, or
// nil. Whether it is negated does not matter.
func (r Rule) Source() *net.IPNet { return r.network("-s") }

// Destination is like Source, for destination addresses.
func (r Rule) Destination() *net.IPNet { return r.network("-d") }

func (r Rule) network(option string) *net.IPNet {
	_, network, err := net.ParseCIDR(r.Value(option))
	if err != nil {
		return nil
	}
	return network
}

// host returns the address that the rule is about, in the form of the kernel, or nil.
func (r Rule) host() []byte {
	for _, n := range []*net.IPNet{r.Source(), r.Destination()} {
		if n == nil {
			continue
		}
		if ones, bits := n.Mask.Size(); ones == bits {
			return n.IP
		}
	}
	return nil
}

// Value returns the argument behind an option, or "".
func (r Rule) Value(option string) string {
	for i := 0; i+1 < len(r); i++ {
		if r[i] == option {
			return r[i+1]
		}
	}
	return ""
}

// IsLike reports whether a rule that was found does the same as another one, in
// whatever order and words: those of iptables(8) of any release, or those that nft(8)
// makes of them when it writes a ruleset and reads it back. That takes comments away, so
// that one without is like any.
func (r Rule) IsLike(other Rule) bool {
	return r.words() == other.words() && (r.Comment() == "" || r.Comment() == other.Comment())
}

// Extends reports whether a rule that was found is like another one, but for further
// options that may be in any form.
func (r Rule) Extends(other Rule) bool {
	have := r.options()
	lacks := func(option string) bool { return !slices.Contains(have, option) }
	return !slices.ContainsFunc(other.options(), lacks) && (r.Comment() == "" || r.Comment() == other.Comment())
}

// words returns the options of a rule with their arguments, sorted, but for comments. It
// leaves out which modules are loaded for matches. What is unknown is an option of its own.
func (r Rule) words() string { return strings.Join(r.options(), " ") }

func (r Rule) options() []string {
	var options []string
	option := ""
	end := func() {
		if option != "" && !strings.HasPrefix(option, "-m ") && !strings.HasPrefix(option, "--comment ") {
			options = append(options, withPlainPorts(option))
		}
		option = ""
	}
	for i, word := range r {
		hasArgument := strings.Contains(option, " ")
		if word == "!" || word == unknown && hasArgument || strings.HasPrefix(word, "-") && (i == 0 || r[i-1] != "!" && r[i-1] != "--comment") {
			end()
			option = word
		} else {
			option += " " + word
		}
	}
	end()
	slices.Sort(options)
	return options
}

// IsUnconditional reports whether a rule is about all packets: it has a target, of
// whatever kind, and a comment at most.
func (r Rule) IsUnconditional() bool {
	return !slices.ContainsFunc(r.options(), func(option string) bool {
		return !strings.HasPrefix(option, "-j ") && !strings.HasPrefix(option, "--reject-with ")
	})
}
