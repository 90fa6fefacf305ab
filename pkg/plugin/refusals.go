package plugin

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/containernetworking/plugins/pkg/schema"
)

// refusals finds where in a document the reasons are for which something refuses it. An error
// does not say that. So values of the document are left out: where the error goes with one,
// that has its reason.
type refusals struct{ validate func([]byte) error }

// mostRefusals bounds the work for a document in which everything is wrong.
const mostRefusals = 20

// of returns the refusals, and whether these are all. Each is found in what is left of the
// document without what is refused.
func (r refusals) of(text []byte, document any) (found []schema.Finding, all bool) {
	var causes [][]part
	err := r.validate(text)
	if err != nil && r.refuse(document) == nil {
		return []schema.Finding{{Severity: schema.Error, Message: oneLine(err)}}, true // as by a key twice
	}
	for len(found) < mostRefusals {
		err := r.refuse(document)
		if err == nil {
			return found, true
		}
		path, cause := r.locate(document, nil, err)
		if !anyWithin(path, causes) {
			found = append(found, schema.Finding{Severity: schema.Error, Place: placeOf(path), Message: oneLine(err)})
		}
		causes = append(causes, cause)
		if len(cause) == 0 {
			return found, false
		}
		document = without(document, cause)
		if again := r.refuse(document); again != nil && isSame(again, err) {
			return found, false
		}
	}
	return found, false
}

// anyWithin reports whether something at a path below the document was left out before: then
// an error about the rest may come of that.
func anyWithin(path []part, causes [][]part) bool {
	return len(path) > 0 && slices.ContainsFunc(causes, func(cause []part) bool {
		return len(cause) > len(path) && slices.Equal(cause[:len(path)], path)
	})
}

func (r refusals) refuse(document any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return r.validate(text)
}

// part is a key of an object or an index of a list.
type part any

// locate returns the path of the smallest value, within that at path, with which the error
// goes: one of those that leave no other error behind, if there are such. Where several
// values have a part in the error, the place is what has them all, and the cause the first.
func (r refusals) locate(document any, path []part, err error) (place, cause []part) {
	var clean, other []part
	for _, s := range partsOf(get(document, path)) {
		switch left := r.refuse(without(document, append(slices.Clone(path), s))); {
		case left == nil:
			clean = append(clean, s)
		case !isSame(left, err):
			other = append(other, s)
		}
	}
	candidates := clean
	if len(clean) == 0 {
		candidates = other
	}
	candidates = mentioned(candidates, get(document, path), err)
	switch len(candidates) {
	case 0:
		return path, path
	case 1:
		return r.locate(document, append(slices.Clone(path), candidates[0]), err)
	}
	return path, append(slices.Clone(path), candidates[0])
}

// mentioned returns those of the parts of a value whose keys are in the text of an error or,
// if there are none, whose values are, or else all.
func mentioned(parts []part, of any, err error) []part {
	text := strings.ToLower(err.Error())
	var keys, values []part
	for _, s := range parts {
		if key, ok := s.(string); ok && len(key) > 2 && strings.Contains(text, strings.ToLower(key)) {
			keys = append(keys, s)
		}
		if value, ok := get(of, []part{s}).(string); ok && value != "" && strings.Contains(text, strings.ToLower(value)) {
			values = append(values, s)
		}
	}
	switch {
	case len(parts) > 1 && keys != nil:
		return keys
	case len(parts) > 1 && values != nil:
		return values
	}
	return parts
}

// isSame reports whether two errors are the same, but for indices of lists in them, which
// change when what is before is left out.
func isSame(a, b error) bool { return withoutIndices(a) == withoutIndices(b) }

// withoutIndices returns the text of an error less numbers in brackets, before a colon, and of
// range sets.
func withoutIndices(err error) string {
	var kept []string
	before := ""
	for _, word := range strings.Fields(err.Error()) {
		name, rest, _ := strings.Cut(word, "[")
		index, suffix, closed := strings.Cut(rest, "]")
		if closed && isNumber(index) {
			word = name + suffix
		}
		number, isPlace := strings.CutSuffix(word, ":")
		if !isNumber(number) || !isPlace && before != "set" && before != "with" {
			kept = append(kept, word)
		}
		before = word
	}
	return strings.Join(kept, " ")
}

func isNumber(text string) bool {
	_, err := strconv.Atoi(text)
	return err == nil
}

// partsOf returns those that lead to what is in a value.
func partsOf(value any) []part {
	var all []part
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			all = append(all, key)
		}
	case []any:
		for i := range value {
			all = append(all, i)
		}
	}
	return all
}

// get returns the value at a path that is there.
func get(value any, path []part) any {
	for _, s := range path {
		switch inner := value.(type) {
		case map[string]any:
			value = inner[s.(string)]
		case []any:
			value = inner[s.(int)]
		}
	}
	return value
}

// without returns a document less the value at a path.
func without(value any, path []part) any {
	switch value := value.(type) {
	case map[string]any:
		value, key := maps.Clone(value), path[0].(string)
		if len(path) == 1 {
			delete(value, key)
		} else {
			value[key] = without(value[key], path[1:])
		}
		return value
	case []any:
		value, i := slices.Clone(value), path[0].(int)
		if len(path) == 1 {
			return slices.Delete(value, i, i+1)
		}
		value[i] = without(value[i], path[1:])
		return value
	}
	return value
}

// placeOf writes a path.
func placeOf(path []part) string {
	place := ""
	for _, s := range path {
		switch s := s.(type) {
		case string:
			place = schema.Join(place, s)
		case int:
			place = fmt.Sprintf("%s[%d]", place, s)
		}
	}
	return place
}
