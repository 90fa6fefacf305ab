package main

import (
	"fmt"
	"go/ast"
	"regexp"
	"strings"

	"github.com/containernetworking/plugins/pkg/schema"
)

// environment is what runtimes and persons set for a plugin.
var environment = []command{
	{"CNI_COMMAND", "ADD, DEL, CHECK, GC, STATUS or VERSION: what a runtime asks for."},
	{"CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME", "the attachment that this is about: id of the container, path of its network namespace, name of the interface."},
	{"CNI_ARGS", "KEY=VALUE pairs with semicolons between, see above."},
	{"CNI_PATH", "directories of plugins with colons between."},
	{"CNI_CALL_LOG, CNI_CALL_LOG_FORMAT", "a file for a line of JSON about each call; otlp for spans in it."},
}

// width of a line of help.
const width = 92

// page is the text of help.
type page struct{ strings.Builder }

// help returns what the plugin prints for a person behind the line with its version.
func (p *plugin) help(s *schema.Schema) string {
	var out page
	out.wrap("", s.Description)
	fmt.Fprintf(&out, "\nA container runtime calls it with a network configuration on standard input, such as\n\n%s", s.Examples[0])
	var keys, capabilities schema.Properties
	for _, property := range s.Properties {
		switch property.Key {
		case "cniVersion", "name", "type", "capabilities", "args":
		case "runtimeConfig":
			capabilities = property.Properties
		default:
			keys = append(keys, property)
		}
	}
	out.section("Keys of the configuration", "none of its own")
	out.keys("", keys, s.Required)
	out.section(`Capabilities, which the runtime passes if "capabilities" has them with true`, whether(capabilities))
	out.keys("", capabilities, nil)
	args := directives(p.library.vars["Plugin"].doc, "args")
	out.section("Keys of CNI_ARGS", whether(args))
	for _, text := range args {
		key, what, _ := strings.Cut(text, " ")
		out.entry(key, what)
	}
	out.section("Environment", "")
	for _, variable := range environment {
		out.entry(variable.name, variable.text)
	}
	out.section("Commands, without CNI_COMMAND in the environment", "")
	for _, c := range p.commands() {
		out.entry(p.name+" "+c.name, c.text)
	}
	fmt.Fprintf(&out, "\nMore is in %s of the source.\n", p.readme)
	return out.String()
}

// whether returns what stands for an empty list.
func whether[T any](list []T) string {
	if len(list) == 0 {
		return "none"
	}
	return ""
}

func (out *page) section(title, none string) {
	if none != "" && none != "none of its own" {
		fmt.Fprintf(out, "\n%s: %s\n", title, none)
		return
	}
	fmt.Fprintf(out, "\n%s:\n", title)
}

func (out *page) entry(name, text string) {
	fmt.Fprintf(out, "  %s\n", name)
	out.wrap("        ", text)
}

// keys lists keys, and those within them.
func (out *page) keys(prefix string, keys schema.Properties, required []string) {
	for _, key := range keys {
		name := prefix + key.Key
		out.entry(fmt.Sprintf("%s (%s)", name, strings.Join(about(key, required), ", ")), key.Description)
		inside := key.Schema
		for inside.Items != nil {
			name += "[]"
			inside = inside.Items
		}
		for _, alternative := range append([]*schema.Schema{inside}, inside.AnyOf...) {
			out.keys(name+".", alternative.Properties, alternative.Required)
		}
	}
}

// about says what a key may be.
func about(key schema.Property, required []string) []string {
	text := []string{kind(key.Schema)}
	if contains(required, key.Key) {
		text = append(text, "required")
	}
	if summary := key.Summary(); key.Type == "" && len(key.Enum) == 0 || strings.HasPrefix(summary, "a ") || strings.HasPrefix(summary, "an ") || summary == "true or false" {
	} else {
		text = append(text, summary)
	}
	if key.Default != nil && defaultOf(key.Description) == "" {
		text = append(text, fmt.Sprintf("default %v", key.Default))
	}
	return text
}

func contains(list []string, text string) bool {
	for _, other := range list {
		if other == text {
			return true
		}
	}
	return false
}

// kind names the type of a value as the READMEs do.
func kind(s *schema.Schema) string {
	switch s.Type {
	case "boolean":
		return "bool"
	case "integer", "number":
		return "number"
	case "array":
		if inside := kind(s.Items); inside == "string" || inside == "list" {
			return "list of " + inside + "s"
		}
		return "list"
	case "string", "object":
		return s.Type
	}
	var kinds []string
	for _, value := range s.Enum {
		kinds = add(kinds, map[bool]string{true: "bool", false: "string"}[value == true || value == false])
	}
	for _, alternative := range s.AnyOf {
		kinds = add(kinds, kind(alternative))
	}
	return strings.Join(kinds, " or ")
}

func add(list []string, text string) []string {
	if contains(list, text) {
		return list
	}
	return append(list, text)
}

// wrap writes a text in lines that begin with an indentation.
func (out *page) wrap(indent, text string) {
	line := indent
	for _, word := range strings.Fields(text) {
		if line != indent && len(line)+len(word) >= width {
			fmt.Fprintln(out, line)
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	if line != indent {
		fmt.Fprintln(out, line)
	}
}

func unfold(text string) string { return strings.Join(strings.Fields(text), " ") }

// camelCase is a name that is no word.
var camelCase = regexp.MustCompile(`^[A-Z]+[a-z]+[A-Z]`)

// reword makes of the comment of a field in a struct one about its key.
func reword(text string, field *ast.Field, in *ast.StructType) string {
	text = unfold(text)
	own := field.Names[0].Name
	for _, other := range in.Fields.List {
		if key := keyOf(other); key != "" && len(other.Names) > 0 && camelCase.MatchString(other.Names[0].Name) {
			text = regexp.MustCompile(`\b`+other.Names[0].Name+`\b`).ReplaceAllString(text, key)
		}
	}
	rest, ok := strings.CutPrefix(text, own+" ")
	if !ok || own == strings.ToUpper(own) && regexp.MustCompile(`^(of|in)\b`).MatchString(rest) {
		return text
	}
	return keyOf(field) + " " + rest
}

var defaults = regexp.MustCompile(`Default(?:, and for 0)?: ([^\s,.;]+(?:[./][^\s,.;]+)*)[.,;]`)

// defaultOf returns the default that a comment names in one word: "" if there is none.
func defaultOf(text string) string {
	if found := defaults.FindStringSubmatch(text); found != nil && found[1] != "none" {
		return found[1]
	}
	return ""
}
