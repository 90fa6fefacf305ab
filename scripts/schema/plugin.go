package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/schema"
)

// common are the keys that every plugin's configuration has.
const common = `{
	"cniVersion": {"description": "version of the CNI specification.", "type": "string"},
	"name": {"description": "name of the network.", "type": "string"},
	"type": {"description": "name of the plugin."},
	"capabilities": {"description": "what the runtime is to pass, in runtimeConfig.", "type": "object", "additionalProperties": {"type": "boolean"}}
}`

// schema returns what the plugin's configuration may be.
func (p *plugin) schema() (*schema.Schema, error) {
	conf, err := p.configuration()
	if err != nil {
		return nil, err
	}
	s := &schema.Schema{
		Dialect: schema.Dialect, Title: "Network configuration of " + p.name, Description: p.sentence(),
		Type: "object", Required: append(append([]string{"type"}, conf.Required...), directives(p.library.vars["Plugin"].doc, "requires")...),
	}
	if err := json.Unmarshal([]byte(common), &s.Properties); err != nil {
		return nil, err
	}
	s.Properties.Find("type").Const = p.name
	ignored := append(directives(p.library.vars["Plugin"].doc, "ignores"), "cniVersion", "name", "type", "capabilities")
	s.Properties = append(s.Properties, without(conf.Properties, ignored)...)
	for i, property := range s.Properties { // what the runtime adds comes last
		if property.Key == "runtimeConfig" || property.Key == "args" {
			s.Properties = append(slices.Delete(slices.Clone(s.Properties), i, i+1), property)
			break
		}
	}
	example, err := p.example()
	if err != nil {
		return nil, err
	}
	s.Examples = []json.RawMessage{example}
	return s, nil
}

// configuration returns the schema of the type that the configuration is decoded into.
func (p *plugin) configuration() (*schema.Schema, error) {
	if at := directives(p.library.vars["Plugin"].doc, "conf"); len(at) > 0 {
		if at[0] == "" {
			return new(schema.Schema), nil
		}
		of, name, _ := strings.Cut(at[0], ".")
		return p.library.selected(p.library.vars["Plugin"].file, &ast.SelectorExpr{X: ast.NewIdent(of), Sel: ast.NewIdent(name)})
	}
	conf, err := p.library.declared(p.library.types["Conf"])
	if err != nil {
		return nil, err
	}
	verdict, err := p.library.parse(filepath.Join(p.root, "pkg/check/verdict"))
	if err != nil {
		return nil, err
	}
	strict, err := verdict.declared(verdict.types["Conf"])
	if err != nil {
		return nil, err
	}
	conf.Properties = append(conf.Properties, strict.Properties...)
	return conf, nil
}

// sentence says what the plugin does, by the comment of its package.
func (p *plugin) sentence() string {
	_, text, _ := strings.Cut(p.library.doc, " ")
	_, text, _ = strings.Cut(text, " ")
	return p.name + " " + unfold(text)
}

var jsonBlock = regexp.MustCompile("(?s)```json\n(.*?)```")

// example returns the first one of the README.
func (p *plugin) example() (json.RawMessage, error) {
	text, err := os.ReadFile(filepath.Join(p.root, p.readme))
	if err != nil {
		return nil, err
	}
	block := jsonBlock.FindSubmatch(text)
	if block == nil {
		return nil, fmt.Errorf("%s has no example", p.readme)
	}
	return block[1], nil
}

// command is one that the plugin has for persons and services.
type command struct{ name, text string }

// ownCommands are those that every plugin has.
var ownCommands = []command{
	{"validate [-json]", "tells what is wrong with the configuration on standard input, and changes nothing. Status 0: nothing is, 1: there are warnings, 2: there are errors."},
	{"--schema", "prints the JSON Schema of the configuration."},
	{"--version", "prints the version, and the versions of the CNI specification."},
	{"--help", "prints this."},
}

// commands returns what the plugin can be called with.
func (p *plugin) commands() []command {
	var all []command
	for _, text := range directives(p.library.vars["Plugin"].doc, "command") {
		name, what, _ := strings.Cut(text, " ")
		all = append(all, command{name, what})
	}
	slices.SortFunc(all, func(a, b command) int { return cmp.Compare(a.name, b.name) })
	return append(all, ownCommands...)
}
