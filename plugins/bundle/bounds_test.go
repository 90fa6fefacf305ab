package main

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/schema"
)

// What the schema of a plugin says of a key, the plugin does: it takes values at the bounds and
// those of enumerations, and refuses those beyond. Examples are what the rest of the
// configuration is.
func TestBounds(t *testing.T) {
	t.Parallel()
	needs := map[string]map[string]any{ // what makes a key matter, or valid
		"ipMasqBackend": {"ipMasq": true},
		"nopromisc":     {"mode": "passthru"},
		"ingressRate":   {"ingressBurst": 8000},
		"egressRate":    {"egressBurst": 8000},
		"ingressBurst":  {"ingressRate": 8000},
		"egressBurst":   {"egressRate": 8000},
		"mode":          {"macaddrs": nil, "hostInterface": nil},
		"flag":          {"hostInterface": nil},
	}
	tried := 0
	for _, p := range plugins {
		s := p.ParseSchema()
		if p.Validate == nil || s == nil {
			continue
		}
		var example map[string]any
		if err := json.Unmarshal(s.Examples[0], &example); err != nil {
			t.Fatal(err)
		}
		example = find(example, p.Name)
		if err := judge(p, example); err != nil {
			t.Errorf("%s refuses its example: %v", p.Name, err)
		}
		for _, property := range s.Properties {
			if slices.Contains([]string{"cniVersion", "name", "type", "capabilities", "strictCheck"}, property.Key) {
				continue // which is not for Validate
			}
			for value, allowed := range samples(property.Schema) {
				conf := maps.Clone(example)
				maps.Copy(conf, needs[property.Key])
				conf[property.Key] = value
				if property.Key == "mode" && value == "source" {
					conf["macaddrs"] = []string{"02:00:00:00:00:01"}
				}
				if needs[property.Key] != nil && value == 0.0 {
					continue // with the rest it stands for nothing
				}
				tried++
				if err := judge(p, conf); (err == nil) != allowed {
					t.Errorf("%s: %s %v: %v, but allowed by the schema: %v", p.Name, property.Key, value, err, allowed)
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d values were tried", tried)
	}
}

// find returns the configuration of a plugin from one that may be a list.
func find(conf map[string]any, name string) map[string]any {
	list, _ := conf["plugins"].([]any)
	for _, p := range list {
		if inner, ok := p.(map[string]any); ok && inner["type"] == name {
			inner["name"], inner["cniVersion"] = conf["name"], conf["cniVersion"]
			return inner
		}
	}
	return conf
}

func judge(p *plugin.Plugin, conf map[string]any) error {
	text, err := json.Marshal(conf)
	if err != nil {
		return err
	}
	return p.Validate(text)
}

// samples are values at and beyond the bounds of a schema, with whether it allows them.
func samples(s *schema.Schema) map[any]bool {
	all := map[any]bool{}
	for _, alternative := range append([]*schema.Schema{s}, s.AnyOf...) {
		for _, bound := range []*float64{alternative.Minimum, alternative.Maximum} {
			if bound == nil {
				continue
			}
			for _, value := range []float64{*bound - 1, *bound, *bound + 1} {
				all[value] = allows(s, value)
			}
		}
	}
	for _, value := range s.Enum {
		all[value] = true
	}
	if s.Enum != nil {
		all["none of them"] = false
	}
	if s.Type == "string" && s.MaxLength > 0 {
		long := make([]byte, s.MaxLength+1)
		for i := range long {
			long[i] = 'x'
		}
		all[string(long)] = false
		all[string(long[1:])] = true
	}
	switch s.Type {
	case "string", "array", "object":
		all[1.0] = false
	case "integer", "boolean":
		all["1"] = false
	}
	return all
}

// allows asks the schema.
func allows(s *schema.Schema, value any) bool {
	text, _ := json.Marshal(value)
	document, err := schema.Decode(text)
	return err == nil && plugin.StatusOf(s.Check(document)) == 0
}
