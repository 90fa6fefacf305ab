package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"go/ast"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/containernetworking/plugins/pkg/schema"
)

// foreign has the schemas of types of other modules, by their names.
//
//go:embed foreign.json
var foreign []byte

// typeOf returns the schema of what a type is decoded from.
func (s *source) typeOf(file *ast.File, expr ast.Expr) (*schema.Schema, error) {
	switch t := expr.(type) {
	case *ast.Ident:
		if basic := basicType(t.Name); basic != nil {
			return basic, nil
		}
		d, ok := s.types[t.Name]
		if !ok {
			return nil, fmt.Errorf("%s: unknown type %s", s.dir, t.Name)
		}
		return s.declared(d)
	case *ast.SelectorExpr:
		return s.selected(file, t)
	case *ast.StarExpr:
		return s.typeOf(file, t.X)
	case *ast.ArrayType:
		items, err := s.typeOf(file, t.Elt)
		return &schema.Schema{Type: "array", Items: items}, err
	case *ast.MapType:
		values, err := s.typeOf(file, t.Value)
		return &schema.Schema{Type: "object", AdditionalProperties: values}, err
	case *ast.StructType:
		return s.structure(file, t)
	}
	return nil, fmt.Errorf("%s: unexpected type %T", s.dir, expr)
}

// basicType returns the schema of a type of the language, with the bounds that all machines
// have and a number of JSON can tell, nil if it is none.
func basicType(name string) *schema.Schema {
	zero, most := 0.0, float64(1<<32-1)
	switch name {
	case "bool":
		return &schema.Schema{Type: "boolean", Default: false}
	case "string":
		return &schema.Schema{Type: "string"}
	case "int":
		return &schema.Schema{Type: "integer"}
	case "uint64":
		return &schema.Schema{Type: "integer", Minimum: &zero}
	case "uint32":
		return &schema.Schema{Type: "integer", Minimum: &zero, Maximum: &most}
	}
	return nil
}

// declared returns the schema of a declared type. One that has a directive is decoded by a
// method of its own.
func (s *source) declared(d declaration) (*schema.Schema, error) {
	if values := directives(d.doc, "value"); len(values) > 0 {
		of := new(schema.Schema)
		return of, merge(of, values)
	}
	return s.typeOf(d.file, d.expr)
}

// selected returns the schema of a type of another package.
func (s *source) selected(file *ast.File, t *ast.SelectorExpr) (*schema.Schema, error) {
	name := fmt.Sprintf("%s.%s", t.X, t.Sel.Name)
	other, err := s.imported(file, fmt.Sprint(t.X))
	if err != nil {
		return nil, err
	}
	if other != nil {
		d, ok := other.types[t.Sel.Name]
		if !ok {
			return nil, fmt.Errorf("%s: unknown type %s", s.dir, name)
		}
		return other.declared(d)
	}
	var known map[string]*schema.Schema
	if err := json.Unmarshal(foreign, &known); err != nil {
		return nil, err
	}
	if known[name] == nil {
		return nil, fmt.Errorf("foreign.json lacks the type %s", name)
	}
	return known[name], nil
}

// structure returns the schema of an object.
func (s *source) structure(file *ast.File, t *ast.StructType) (*schema.Schema, error) {
	object := &schema.Schema{Type: "object"}
	inner := &schema.Schema{}
	var last *schema.Schema // the schema of the field before
	for _, field := range t.Fields.List {
		key := keyOf(field)
		if key == "-" || directives(field.Doc, "omit") != nil {
			continue
		}
		if len(field.Names) > 0 && (key == "" || !field.Names[0].IsExported()) {
			continue
		}
		of, err := s.typeOf(file, field.Type)
		if err != nil {
			return nil, err
		}
		if key == "" {
			inner.Properties = append(inner.Properties, of.Properties...)
			if _, pointer := field.Type.(*ast.StarExpr); !pointer { // which need not be there at all
				inner.Required = append(inner.Required, of.Required...)
			}
			continue
		}
		if err := describe(of, field, t, last); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if directives(field.Doc, "required") != nil {
			object.Required = append(object.Required, key)
		}
		last = of
		object.Properties = append(object.Properties, schema.Property{Key: key, Schema: of})
	}
	for _, p := range inner.Properties { // the outer one of a name counts, but for objects
		outer := object.Properties.Find(p.Key)
		switch {
		case outer == nil:
			object.Properties = append(object.Properties, p)
		case outer.Type == "object":
			for _, inside := range p.Properties {
				if outer.Properties.Find(inside.Key) == nil {
					outer.Properties = append(outer.Properties, inside)
				}
			}
		}
	}
	object.Required = append(object.Required, inner.Required...)
	return object, nil
}

// keyOf returns the key of a field: "" if it has none.
func keyOf(field *ast.Field) string {
	if field.Tag == nil {
		return ""
	}
	text, _ := strconv.Unquote(field.Tag.Value)
	key, _, _ := strings.Cut(reflect.StructTag(text).Get("json"), ",")
	return key
}

// describe completes the schema of a field by what its comment says or, if it has none, by
// that of the field before which names it.
func describe(of *schema.Schema, field *ast.Field, in *ast.StructType, last *schema.Schema) error {
	if _, pointer := field.Type.(*ast.StarExpr); pointer && of.Type == "boolean" {
		of.Default = nil // what is not there is not false
	}
	doc := either(field.Doc, field.Comment)
	switch {
	case doc == nil && last != nil && strings.Contains(last.Description, keyOf(field)):
		*of = *last
		return nil
	case doc == nil:
		return nil
	}
	of.Description = reword(doc.Text(), field, in)
	if word := defaultOf(of.Description); word != "" {
		var err error
		if of.Default, err = parseDefault(of.Type, word); err != nil {
			return err
		}
	}
	return merge(of, directives(doc, "value"))
}

// merge sets what fragments of JSON Schema say.
func merge(of *schema.Schema, fragments []string) error {
	for _, fragment := range fragments {
		decoder := json.NewDecoder(strings.NewReader(fragment))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(of); err != nil {
			return fmt.Errorf("%s: %w", fragment, err)
		}
	}
	return nil
}

// parseDefault returns the value that the text of a default stands for.
func parseDefault(kind, word string) (any, error) {
	switch kind {
	case "integer":
		return strconv.ParseFloat(word, 64)
	case "boolean":
		return strconv.ParseBool(word)
	}
	return word, nil
}

func marshal(s *schema.Schema) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err := encoder.Encode(s)
	return text.Bytes(), err
}

// without returns the properties less some keys: "runtimeConfig", "runtimeConfig.mac".
func without(all schema.Properties, keys []string) schema.Properties {
	return slices.DeleteFunc(slices.Clone(all), func(p schema.Property) bool {
		var inside []string
		for _, key := range keys {
			if rest, ok := strings.CutPrefix(key, p.Key+"."); ok {
				inside = append(inside, rest)
			}
		}
		if len(inside) > 0 {
			p.Properties = without(p.Properties, inside)
		}
		return slices.Contains(keys, p.Key) || len(inside) > 0 && len(p.Properties) == 0
	})
}
