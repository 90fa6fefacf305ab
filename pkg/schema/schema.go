// Package schema is what JSON Schema (draft 2020-12) says of the plugins' configurations,
// as far as they need it: scripts/schema writes it from the configurations' Go types, and
// the command validate finds by it where a configuration is wrong.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Dialect is the value of Schema.Dialect.
const Dialect = "https://json-schema.org/draft/2020-12/schema"

// Schema describes a value.
type Schema struct {
	Dialect     string `json:"$schema,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	// Type is "object", "array", "string", "integer", "number" or "boolean".
	Type  string    `json:"type,omitempty"`
	AnyOf []*Schema `json:"anyOf,omitempty"`
	// Const and the members of Enum are values that encoding/json decodes.
	Const     any      `json:"const,omitempty"`
	Enum      []any    `json:"enum,omitempty"`
	Minimum   *float64 `json:"minimum,omitempty"`
	Maximum   *float64 `json:"maximum,omitempty"`
	MinLength int      `json:"minLength,omitempty"`
	MaxLength int      `json:"maxLength,omitempty"`
	MinItems  int      `json:"minItems,omitempty"`
	MaxItems  int      `json:"maxItems,omitempty"`
	Items     *Schema  `json:"items,omitempty"`
	// Required are keys that an object must have.
	Required   []string   `json:"required,omitempty"`
	Properties Properties `json:"properties,omitempty"`
	// AdditionalProperties describes the values of all other keys.
	AdditionalProperties *Schema           `json:"additionalProperties,omitempty"`
	Default              any               `json:"default,omitempty"`
	Examples             []json.RawMessage `json:"examples,omitempty"`
}

// Properties are the keys of an object, in the order in which they are told.
type Properties []Property

// Property is a key with what its value is.
type Property struct {
	Key string
	*Schema
}

// Find looks a key up as encoding/json does, which does not tell case apart. It returns nil
// if there is none.
func (p Properties) Find(key string) *Property {
	for i := range p {
		if strings.EqualFold(p[i].Key, key) {
			return &p[i]
		}
	}
	return nil
}

// MarshalJSON writes the object that JSON Schema has.
func (p Properties) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	text.WriteByte('{')
	for i, property := range p {
		if i > 0 {
			text.WriteByte(',')
		}
		value, err := json.Marshal(property.Schema)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&text, "%q:%s", property.Key, value)
	}
	text.WriteByte('}')
	return text.Bytes(), nil
}

// UnmarshalJSON reads that object in its order.
func (p *Properties) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	*p = nil
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		property := Property{Key: fmt.Sprint(key), Schema: new(Schema)}
		if err := decoder.Decode(property.Schema); err != nil {
			return err
		}
		*p = append(*p, property)
	}
	return nil
}
