package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// words are a type in the words of who writes a configuration.
func words(kind string) string {
	switch kind {
	case "object":
		return "an object"
	case "array":
		return "a list"
	case "string":
		return "a string"
	case "boolean":
		return "true or false"
	case "integer":
		return "a whole number"
	}
	return "a number"
}

// is reports whether a value is of a type. To encoding/json, 1.0 is no whole number.
func is(kind string, value any) bool {
	switch value := value.(type) {
	case map[string]any:
		return kind == "object"
	case []any:
		return kind == "array"
	case string:
		return kind == "string"
	case bool:
		return kind == "boolean"
	case json.Number:
		return kind == "number" || kind == "integer" && !strings.ContainsAny(value.String(), ".eE")
	}
	return false
}

// describe names a value, or what it is if it is long.
func describe(value any) string {
	switch value := value.(type) {
	case map[string]any:
		return words("object")
	case []any:
		return words("array")
	case string:
		return strconv.Quote(value)
	case json.Number:
		return "the number " + value.String()
	}
	return fmt.Sprint(value)
}

// equal compares a value of a schema with one of a document.
func equal(choice, value any) bool {
	if number, ok := value.(json.Number); ok {
		float, err := number.Float64()
		return err == nil && choice == float
	}
	return choice == value
}

func oneOf(choices []any) string {
	var texts []string
	for _, choice := range choices {
		if choice != "" { // which stands for the default
			text, _ := json.Marshal(choice)
			texts = append(texts, string(text))
		}
	}
	return alternatives(texts)
}

// alternatives joins texts of which one is meant.
func alternatives(texts []string) string {
	last := len(texts) - 1
	if last < 1 {
		return strings.Join(texts, "")
	}
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}

// bounds says between what a number is.
func (s *Schema) bounds() string {
	number := func(n *float64) string { return strconv.FormatFloat(*n, 'f', -1, 64) }
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		return number(s.Minimum) + " to " + number(s.Maximum)
	case s.Minimum != nil:
		return "at least " + number(s.Minimum)
	case s.Maximum != nil:
		return "at most " + number(s.Maximum)
	}
	return ""
}

// between says between what a count is.
func between(least, most int) string {
	switch {
	case most == 0:
		return fmt.Sprintf("at least %d", least)
	case least == 0:
		return fmt.Sprintf("at most %d", most)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// Summary says in a few words what a value may be.
func (s *Schema) Summary() string {
	switch {
	case s.Const != nil:
		return oneOf([]any{s.Const})
	case len(s.Enum) > 0:
		return oneOf(s.Enum)
	case len(s.AnyOf) > 0:
		texts := make([]string, len(s.AnyOf))
		for i, alternative := range s.AnyOf {
			if alternative.Maximum == nil && s.Maximum != nil {
				narrowed := *alternative
				narrowed.Maximum, alternative = s.Maximum, &narrowed
			}
			texts[i] = alternative.Summary()
		}
		return alternatives(texts)
	case s.bounds() != "":
		return s.bounds()
	}
	return words(s.Type)
}

func sorted(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }

// lookUp finds a key as encoding/json does: as it is written, or else in another case.
func lookUp(object map[string]any, key string) (string, any) {
	if value, ok := object[key]; ok {
		return key, value
	}
	for _, other := range sorted(object) {
		if strings.EqualFold(other, key) {
			return other, object[other]
		}
	}
	return key, nil
}

func get(object map[string]any, key string) any {
	_, value := lookUp(object, key)
	return value
}
