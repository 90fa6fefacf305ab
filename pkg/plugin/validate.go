package plugin

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/schema"
)

// The exit statuses of validate: there are only warnings, or errors.
const (
	StatusWarnings = 1
	StatusErrors   = 2
)

// ownPart is the argument by which a plugin asks another one for its part of a configuration,
// in JSON: that one must not ask back.
const ownPart = "-own-part"

// validate is the command of that name. It tells what is wrong with the configuration, or the
// list of configurations, on standard input.
func (p Plugin) validate(args []string, stdout, stderr io.Writer) int {
	asJSON := len(args) == 1 && (args[0] == "-json" || args[0] == "--json")
	own := len(args) == 1 && args[0] == ownPart
	if len(args) > 0 && !asJSON && !own {
		if NoArguments(args) == errHelp {
			fmt.Fprint(stdout, p.helpOn("validate [-json]"))
			return 0
		}
		fmt.Fprintf(stderr, "%s validate: %v; the configuration comes on standard input\n", p.Name, NoArguments(args))
		return StatusUsage
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintf(stderr, "%s validate: %v\n", p.Name, err)
		return StatusErrors
	}
	found := Findings(text, func(name string) Judge {
		if name == p.Name {
			return p.Judge
		}
		if own {
			return nil
		}
		return besides(name)
	})
	if asJSON || own {
		_ = json.NewEncoder(stdout).Encode(append([]schema.Finding{}, found...))
		return StatusOf(found)
	}
	for _, f := range found {
		fmt.Fprintln(stdout, f)
	}
	return StatusOf(found)
}

// StatusOf returns the exit status of validate.
func StatusOf(found []schema.Finding) int {
	status := 0
	for _, f := range found {
		if f.Severity == schema.Error {
			return StatusErrors
		}
		status = StatusWarnings
	}
	return status
}

// A Judge returns what is wrong with the configuration of a plugin, which is that of the
// plugin's delegate, too: then its findings are those about "ipam".
type Judge func(conf []byte) []schema.Finding

// Judge is that of the plugin's own part.
func (p Plugin) Judge(conf []byte) []schema.Finding {
	document, err := schema.Decode(conf)
	if err != nil {
		return []schema.Finding{{Severity: schema.Error, Message: err.Error()}}
	}
	var found []schema.Finding
	if s := p.ParseSchema(); s != nil {
		if of := s.Properties.Find("type"); of != nil && isDelegate(p.Name, document) {
			of.Const = nil // it is that of the plugin that delegates
		}
		found = append(found, s.Check(document)...)
	}
	if p.Validate != nil {
		refusals, all := refusals{p.Validate}.of(conf, document)
		found = merge(found, refusals, all)
	}
	return append(p.incompatible(document), found...)
}

// ParseSchema returns what the configuration may be: nil if the plugin does not tell.
func (p Plugin) ParseSchema() *schema.Schema {
	s := new(schema.Schema)
	if json.Unmarshal([]byte(textOf(p.Schema)), s) != nil {
		return nil
	}
	return s
}

// incompatible finds a version of the specification that the plugin does not know.
func (p Plugin) incompatible(document any) []schema.Finding {
	version, _ := at(document, "cniVersion").(string)
	if version == "" || p.Versions == nil || slices.Contains(p.Versions.SupportedVersions(), version) {
		return nil
	}
	return []schema.Finding{{Severity: schema.Error, Place: "cniVersion", Message: fmt.Sprintf("%s knows the versions %s of the specification",
		p.Name, strings.Join(p.Versions.SupportedVersions(), ", "))}}
}

// isDelegate reports whether a configuration is that of a plugin that calls the named one.
func isDelegate(name string, document any) bool {
	return at(document, "ipam", "type") == name && at(document, "type") != name
}

// merge puts what the plugin refuses beside what the schema excludes. What the schema alone
// finds, the plugin takes: if it told all that it refuses, that is no more than a warning. The
// version is not the plugin's to judge.
func merge(excluded, refused []schema.Finding, all bool) []schema.Finding {
	var merged []schema.Finding
	for _, e := range excluded {
		if all && e.Severity == schema.Error && e.Place != "cniVersion" && !anyAt(refused, e.Place) {
			e.Severity = schema.Warning
		}
		merged = append(merged, e)
	}
	for _, r := range refused {
		if !anyAt(excluded, r.Place) {
			merged = append(merged, r)
		}
	}
	return merged
}

// anyAt reports whether an error is at a place, within it or around it.
func anyAt(found []schema.Finding, place string) bool {
	return slices.ContainsFunc(found, func(f schema.Finding) bool {
		return f.Severity == schema.Error && (f.Place == place || isWithin(f.Place, place) || isWithin(place, f.Place))
	})
}

// isWithin reports whether a place is within another one, which is not the document.
func isWithin(inner, outer string) bool {
	rest, ok := strings.CutPrefix(inner, outer)
	return ok && outer != "" && strings.IndexAny(rest, ".[") == 0
}

// at returns the value at a path of keys, nil if there is none.
func at(value any, keys ...string) any {
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}
