package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Severity says what becomes of a finding: an Error is refused, a Warning is not.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Finding is something to be told of a document.
type Finding struct {
	Severity Severity `json:"severity"`
	// Place is the path of the value, "ipam.ranges[0][0].subnet"; empty for the document.
	Place   string `json:"place"`
	Message string `json:"message"`
}

// String returns the finding on one line.
func (f Finding) String() string {
	text := fmt.Sprintf("%s: %s", f.Severity, f.Message)
	if f.Place != "" {
		text = f.Place + ": " + text
	}
	return text
}

// Decode reads one document, with numbers as they are written.
func Decode(text []byte) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		return nil, err
	}
	if rest := strings.TrimLeft(string(text[decoder.InputOffset():]), " \t\r\n"); rest != "" {
		return nil, fmt.Errorf("there is more behind the value, at byte %d", len(text)-len(rest))
	}
	return document, nil
}

// Check returns what is wrong with a document that Decode returned: what the schema
// excludes, as errors, and, as warnings, keys that it does not have but that are one slip
// of the keyboard away from one that it has. As in a configuration that encoding/json
// reads, null is a value left out, and case does not tell keys apart.
func (s *Schema) Check(document any) []Finding { return s.check("", document) }

func (s *Schema) check(place string, value any) []Finding {
	if value == nil {
		return nil
	}
	if found := s.checkValue(place, value); found != nil {
		return found
	}
	switch value := value.(type) {
	case map[string]any:
		return s.checkObject(place, value)
	case []any:
		return s.checkList(place, value)
	}
	return nil
}

// checkValue looks at a value without what is in it.
func (s *Schema) checkValue(place string, value any) []Finding {
	wrong := func(format string, args ...any) []Finding {
		return []Finding{{Error, place, fmt.Sprintf(format, args...)}}
	}
	if s.Type != "" && !is(s.Type, value) {
		return wrong("want %s, have %s", words(s.Type), describe(value))
	}
	choices := s.Enum
	if s.Const != nil {
		choices = []any{s.Const}
	}
	if choices != nil && !slices.ContainsFunc(choices, func(choice any) bool { return equal(choice, value) }) {
		return wrong("%s is not %s", describe(value), oneOf(choices))
	}
	if len(s.AnyOf) > 0 && !slices.ContainsFunc(s.AnyOf, func(s *Schema) bool { return s.allows(value) }) {
		return s.explain(place, value)
	}
	switch value := value.(type) {
	case json.Number:
		if number, err := value.Float64(); err == nil && !s.inBounds(number) {
			return wrong("%s is not %s", value, s.bounds())
		}
	case string:
		if length := utf8.RuneCountInString(value); length < s.MinLength || s.MaxLength > 0 && length > s.MaxLength {
			return wrong("%q has %d characters, and may have %s", value, length, between(s.MinLength, s.MaxLength))
		}
	case []any:
		if len(value) < s.MinItems || s.MaxItems > 0 && len(value) > s.MaxItems {
			return wrong("there are %d of what may be %s", len(value), between(s.MinItems, s.MaxItems))
		}
	}
	return nil
}

// allows reports whether nothing excludes a value.
func (s *Schema) allows(value any) bool {
	return !slices.ContainsFunc(s.check("", value), func(f Finding) bool { return f.Severity == Error })
}

// explain says what is wrong with a value that none of the alternatives allows: what the one
// says that is for its type or, if that is not a single one, what there are.
func (s *Schema) explain(place string, value any) []Finding {
	var of []*Schema
	for _, alternative := range s.AnyOf {
		if alternative.Type != "" && is(alternative.Type, value) {
			of = append(of, alternative)
		}
	}
	if len(of) == 1 {
		return of[0].check(place, value)
	}
	return []Finding{{Error, place, fmt.Sprintf("%s is not %s", describe(value), s.Summary())}}
}

func (s *Schema) checkObject(place string, object map[string]any) []Finding {
	var found []Finding
	for _, key := range s.Required {
		if get(object, key) == nil {
			found = append(found, Finding{Error, place, fmt.Sprintf("there is no %q", key)})
		}
	}
	for _, p := range s.Properties {
		if key, value := lookUp(object, p.Key); value != nil {
			found = append(found, p.check(Join(place, key), value)...)
		}
	}
	for _, key := range sorted(object) {
		if s.Properties.Find(key) != nil {
			continue
		}
		if s.AdditionalProperties != nil {
			found = append(found, s.AdditionalProperties.check(Join(place, key), object[key])...)
			continue
		}
		for _, p := range s.Properties {
			if IsSlip(strings.ToLower(key), strings.ToLower(p.Key)) {
				found = append(found, Finding{Warning, Join(place, key), fmt.Sprintf("there is no such key: is %q meant?", p.Key)})
				break
			}
		}
	}
	return found
}

func (s *Schema) checkList(place string, list []any) []Finding {
	var found []Finding
	if s.Items != nil {
		for i, value := range list {
			found = append(found, s.Items.check(fmt.Sprintf("%s[%d]", place, i), value)...)
		}
	}
	return found
}

func (s *Schema) inBounds(number float64) bool {
	return (s.Minimum == nil || number >= *s.Minimum) && (s.Maximum == nil || number <= *s.Maximum)
}

// Join returns the place of a key of the object at a place.
func Join(place, key string) string {
	if strings.ContainsAny(key, ".[") {
		key = "[" + strconv.Quote(key) + "]"
		return place + key
	}
	if place == "" {
		return key
	}
	return place + "." + key
}

// Within returns the place that is at an inner place of the value at an outer one.
func Within(outer, inner string) string {
	if outer == "" || inner == "" || inner[0] == '[' {
		return outer + inner
	}
	return outer + "." + inner
}

// IsSlip reports whether one letter too many, too few or wrong, or two in the wrong
// order, make one text of the other.
func IsSlip(a, b string) bool {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}
