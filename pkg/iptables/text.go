package iptables

import (
	"errors"
	"fmt"
	"strings"
)

// parse reads what iptables-save prints, where a chain is a line like
// ":FORWARD ACCEPT [0:0]", and a rule one that begins with "-A". It returns the
// rules of each chain.
func parse(output string) (map[string][]Rule, error) {
	chains := map[string][]Rule{}
	for line := range strings.Lines(output) {
		line = strings.TrimSuffix(line, "\n")
		if chain, ok := strings.CutPrefix(line, ":"); ok {
			chain, _, _ = strings.Cut(chain, " ")
			chains[chain] = nil
		}
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
		chains[args[1]] = append(chains[args[1]], args[2:])
	}
	return chains, nil
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
