package iptables

import (
	"errors"
	"fmt"
	"net"
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

// Value returns the argument behind an option, or "".
func (r Rule) Value(option string) string {
	for i := 0; i+1 < len(r); i++ {
		if r[i] == option {
			return r[i+1]
		}
	}
	return ""
}

// Listed is a rule in its chain.
type Listed struct {
	Chain string
	Rule  Rule
}

// parse reads the rules out of what iptables-save and iptables -S print. Other
// lines, of chains and policies, are passed over.
func parse(output string) ([]Listed, error) {
	var rules []Listed
	for line := range strings.Lines(output) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "-A ") {
			continue
		}
		args, err := split(line)
		if err != nil {
			return nil, fmt.Errorf("read rule %q: %w", line, err)
		}
		if len(args) < 2 {
			return nil, fmt.Errorf("read rule %q: no chain", line)
		}
		rules = append(rules, Listed{Chain: args[1], Rule: args[2:]})
	}
	return rules, nil
}

// split splits a line into arguments. Those with blanks stand in double quotes;
// a backslash within takes the next byte literally.
func split(line string) ([]string, error) {
	var (
		args            []string
		arg             strings.Builder
		inArg, inQuotes bool
	)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '"':
			inQuotes, inArg = !inQuotes, true
		case inQuotes && c == '\\' && i+1 < len(line):
			i++
			arg.WriteByte(line[i])
		case c == ' ' && !inQuotes:
			if inArg {
				args = append(args, arg.String())
			}
			arg.Reset()
			inArg = false
		default:
			arg.WriteByte(c)
			inArg = true
		}
	}
	if inQuotes {
		return nil, errors.New("quote without end")
	}
	if inArg {
		args = append(args, arg.String())
	}
	return args, nil
}

// join is the opposite of split. A line cannot hold control characters.
func join(args []string) (string, error) {
	quoted := make([]string, len(args))
	for i, a := range args {
		if strings.ContainsFunc(a, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return "", fmt.Errorf("control character in %q", a)
		}
		if a == "" || strings.ContainsAny(a, ` "'\#`) {
			a = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(a) + `"`
		}
		quoted[i] = a
	}
	return strings.Join(quoted, " "), nil
}
