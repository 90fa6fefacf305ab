package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/pkg/schema"
)

// row is one of a README's tables of keys.
type row struct{ key, kind, text string }

var (
	rows = regexp.MustCompile("(?m)^\\| (`[^|]*`) \\| (?:([^|]*) \\| )?(.*) \\|$")
	keys = regexp.MustCompile("`([^`]+)`")
)

// keyTables returns the rows of the tables of keys in a README's section on configuration, by
// their keys.
func keyTables(text string) map[string][]row {
	_, text, _ = strings.Cut(text, "\n## Configuration\n")
	text, _, _ = strings.Cut(text, "\n## ")
	all := map[string][]row{}
	for _, table := range strings.Split(text, "\n\n") {
		if !strings.HasPrefix(strings.TrimSpace(table), "| Key |") {
			continue
		}
		for _, r := range rows.FindAllStringSubmatch(table, -1) {
			for _, key := range keys.FindAllStringSubmatch(r[1], -1) {
				all[key[1]] = append(all[key[1]], row{key[1], r[2], r[3]})
			}
		}
	}
	return all
}

// property is a key with the name that it has in a README.
type property struct {
	name string
	*schema.Schema
	required bool
}

// described returns the keys that a README tells of: of an IPAM plugin those in "ipam", of
// lists and of what runtimes pass also what is in them.
func described(s *schema.Schema, prefix string) []property {
	var all []property
	for _, p := range s.Properties {
		name := prefix + p.Key
		switch name {
		case "cniVersion", "name", "type", "capabilities":
			continue
		case "ipam":
			if len(p.Properties) > 1 {
				all = append(all, described(p.Schema, "")...)
				continue
			}
		}
		all = append(all, property{name, p.Schema, slices.Contains(s.Required, p.Key)})
	}
	return all
}

// Each key has a row in the README of its plugin, and the row says the same of type, bounds,
// values and default; and each row is about a key.
func TestREADMEs(t *testing.T) {
	for _, p := range plugins(t) {
		t.Run(p.name, func(t *testing.T) {
			text, err := os.ReadFile("../../" + p.readme)
			if err != nil {
				t.Fatal(err)
			}
			s, err := p.schema()
			if err != nil {
				t.Fatal(err)
			}
			tables := keyTables(string(text))
			for _, key := range described(s, "") {
				switch {
				case key.name == "runtimeConfig" || key.name == "args":
					compareInner(t, string(text), key)
				case tables[key.name] == nil:
					t.Errorf("the README has no row for %s", key.name)
				default:
					compare(t, tables[key.name], key)
				}
			}
			for name := range tables {
				if !isKey(s, name) {
					t.Errorf("the README tells of %s, which is no key", name)
				}
			}
		})
	}
}

// compareInner looks for what runtimes pass anywhere in the text.
func compareInner(t *testing.T, text string, of property) {
	t.Helper()
	for _, key := range of.Properties {
		inner := key.Key
		if of.name == "args" {
			inner = "args.cni"
		}
		if !strings.Contains(text, "`"+inner) && !strings.Contains(text, "."+inner) {
			t.Errorf("the README does not tell of %s.%s", of.name, key.Key)
		}
	}
}

func compare(t *testing.T, rows []row, key property) {
	t.Helper()
	var differences []string
	for _, r := range rows {
		differences = compareRow(r, key)
		if len(differences) == 0 {
			return
		}
	}
	for _, d := range differences {
		t.Errorf("%s: %s", key.name, d)
	}
}

func compareRow(r row, key property) (differences []string) {
	differ := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	stated, required := strings.CutSuffix(r.kind, ", required")
	want := kind(key.Schema)
	switch stated {
	case "":
		stated = want
	case "list of lists", "list of strings", "list":
		if strings.HasPrefix(want, "list") {
			stated = want
		}
	}
	if stated != want {
		differ("type %s in the README, %s in the code", stated, want)
	}
	if required != key.required && !strings.Contains(r.text, "Required.") {
		differ("required: %v in the README, %v in the code", required, key.required)
	}
	for _, bound := range []*float64{key.Minimum, key.Maximum} {
		if bound != nil && *bound != 0 && *bound != 1<<32-1 && !strings.Contains(r.text, fmt.Sprintf("%.0f", *bound)) && *bound != 1<<31-1 && *bound != 1<<35-9 {
			differ("the README lacks the bound %.0f", *bound)
		}
	}
	for _, value := range key.Enum {
		if text, ok := value.(string); ok && !strings.Contains(r.text, text) {
			differ("the README lacks the value %s", text)
		}
	}
	inCode, inREADME := defaultOf(key.Description), defaultOf(strings.ReplaceAll(r.text, "`", "")+".")
	if inCode == "" && key.Default != nil {
		inCode = fmt.Sprint(key.Default)
	}
	if inCode != inREADME && !(inREADME == "" && (inCode == "false" || strings.Contains(r.text, "`"+inCode+"`, the default") || strings.Contains(r.text, inCode+", the default"))) {
		differ("default %q in the README, %q in the code", inREADME, inCode)
	}
	return differences
}

// isKey reports whether anything in a schema has a name: "mtu", "addresses[].gateway".
func isKey(s *schema.Schema, name string) bool {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	last := parts[len(parts)-1]
	for _, p := range s.Properties {
		inside := p.Schema
		for inside.Items != nil {
			inside = inside.Items
		}
		if p.Key == last || isKey(inside, name) {
			return true
		}
	}
	return false
}
