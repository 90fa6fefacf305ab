package hoststate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Diff tells in lines what after has and before has not (+) and the other way
// round (-). It returns "" if nothing differs but entries that match one of the
// ignored patterns; an entry reads "section: text", as the lines of Diff do.
func Diff(before, after State, ignore ...*regexp.Regexp) string {
	var out strings.Builder
	for _, name := range names(before, after) {
		was, ordered := before.entries(name, ignore)
		is, _ := after.entries(name, ignore)
		gone, new := missing(is, was), missing(was, is)
		for _, e := range gone {
			fmt.Fprintf(&out, "- %s: %s\n", name, e)
		}
		for _, e := range new {
			fmt.Fprintf(&out, "+ %s: %s\n", name, e)
		}
		if ordered && len(gone)+len(new) == 0 && !slices.Equal(was, is) {
			fmt.Fprintf(&out, "! %s: the order differs\n", name)
		}
	}
	return out.String()
}

// names returns the names of all sections of both, sorted.
func names(states ...State) []string {
	var all []string
	for _, s := range states {
		for _, section := range s.sections {
			all = append(all, section.name)
		}
	}
	slices.SortFunc(all, compareNames)
	return slices.Compact(all)
}

// compareNames sorts the sections of the host before those of the containers.
func compareNames(a, b string) int {
	if ah, bh := strings.HasPrefix(a, "host "), strings.HasPrefix(b, "host "); ah != bh {
		if ah {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}

// entries returns what is in the section called name and not ignored.
func (s State) entries(name string, ignore []*regexp.Regexp) (entries []string, ordered bool) {
	for _, section := range s.sections {
		if section.name != name {
			continue
		}
		ordered = section.ordered
		for _, e := range section.entries {
			if !matchesAny(ignore, name+": "+e) {
				entries = append(entries, e)
			}
		}
	}
	return entries, ordered
}

func matchesAny(patterns []*regexp.Regexp, text string) bool {
	return slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(text) })
}

// missing returns the entries of list that have no counterpart in from, each as
// often as it has none.
func missing(from, list []string) []string {
	count := make(map[string]int)
	for _, e := range from {
		count[e]++
	}
	var out []string
	for _, e := range list {
		if count[e]--; count[e] < 0 {
			out = append(out, e)
		}
	}
	return out
}
