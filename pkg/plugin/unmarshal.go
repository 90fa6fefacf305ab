package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Unmarshal is json.Unmarshal for configurations. If a value is of the wrong type, the
// error says which key has it and what the key takes, in the words of who wrote it. It wraps
// the *json.UnmarshalTypeError.
func Unmarshal(text []byte, into any) error {
	err := json.Unmarshal(text, into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return &typeError{wrong, keyPath(wrong.Field, reflect.TypeOf(into))}
	}
	return err
}

type typeError struct {
	*json.UnmarshalTypeError
	key string
}

func (e *typeError) Error() string {
	return fmt.Sprintf("%s: want %s, have %s", e.key, wanted(e.Type), had(e.Value))
}

func (e *typeError) Unwrap() error { return e.UnmarshalTypeError }

// keyPath returns the path of a key without the names of embedded structs, which
// encoding/json puts into it.
func keyPath(field string, t reflect.Type) string {
	var keys []string
	for _, part := range strings.Split(field, ".") {
		for t != nil && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map) {
			t = t.Elem()
		}
		embedded, next := inside(t, part)
		if !embedded {
			keys = append(keys, part)
		}
		t = next
	}
	return strings.Join(keys, ".")
}

// inside returns the type of what a struct has under a name, and whether that is the name
// of an embedded struct, not a key. It is nil if there is nothing to be known.
func inside(t reflect.Type, name string) (embedded bool, found reflect.Type) {
	if t == nil || t.Kind() != reflect.Struct {
		return false, nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && f.Name == name {
			return true, f.Type
		}
		if tag == name {
			return false, f.Type
		}
	}
	return false, nil
}

// wanted describes a type in the terms of JSON.
func wanted(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch kind := t.Kind(); {
	case kind == reflect.Bool:
		return "true or false"
	case reflect.Int <= kind && kind <= reflect.Int64:
		return "a whole number"
	case reflect.Uint <= kind && kind <= reflect.Uintptr:
		return "a whole number that is not negative"
	case kind == reflect.Float32 || kind == reflect.Float64:
		return "a number"
	case kind == reflect.Slice || kind == reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a string"
		}
		return "a list"
	case kind == reflect.Struct || kind == reflect.Map:
		return "an object"
	}
	return "a string"
}

// had describes a value as encoding/json calls it: "string", "number 8.5".
func had(value string) string {
	switch word, number, _ := strings.Cut(value, " "); word {
	case "number":
		if number == "" {
			return "a number"
		}
		return "the number " + number
	case "bool":
		return "true or false"
	case "array":
		return "a list"
	case "object":
		return "an object"
	}
	return "a string"
}
