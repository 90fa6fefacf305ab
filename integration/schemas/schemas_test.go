// Package schemas has another implementation of JSON Schema than the plugins' own judge
// configurations by the plugins' schemas.
package schemas

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const root = "../.."

// schemas returns the plugins' schemas by their names. Each is a valid one of draft 2020-12.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	paths, err := filepath.Glob(root + "/plugins/*/*/*/schema.json")
	if err != nil || len(paths) != 18 {
		t.Fatalf("%d schemas (%v)", len(paths), err)
	}
	all := map[string]*jsonschema.Schema{}
	for _, path := range paths {
		absolute, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := jsonschema.NewCompiler().Compile(absolute)
		if err != nil {
			t.Fatal(err)
		}
		if s.DraftVersion != 2020 {
			t.Errorf("%s is of draft %d", path, s.DraftVersion)
		}
		all[filepath.Base(filepath.Dir(filepath.Dir(path)))] = s
	}
	return all
}

// judge returns what the schemas of a configuration's plugins say.
func judge(t *testing.T, all map[string]*jsonschema.Schema, text string) (judged int, err error) {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	object, ok := document.(map[string]any)
	if !ok {
		return 0, nil
	}
	confs := []any{object}
	if list, ok := object["plugins"].([]any); ok {
		confs = list
	}
	for _, conf := range confs {
		object, _ := conf.(map[string]any)
		name, _ := object["type"].(string)
		if s := all[name]; s != nil {
			judged++
			if err := s.Validate(conf); err != nil {
				return judged, err
			}
		}
		ipam, _ := object["ipam"].(map[string]any)
		delegate, _ := ipam["type"].(string)
		if s := all[delegate]; s != nil && delegate != name {
			judged++
			if err := s.Validate(map[string]any{"type": delegate, "ipam": ipam}); err != nil {
				return judged, err
			}
		}
	}
	return judged, nil
}

var block = regexp.MustCompile("(?s)```json\n(.*?)```")

// read returns the texts of the files whose paths match any of the patterns, each of which
// has to match some.
func read(t *testing.T, patterns ...string) []string {
	t.Helper()
	var texts []string
	for _, pattern := range patterns {
		paths, err := filepath.Glob(root + "/" + pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
	}
	return texts
}

// examples returns what is in JSON in a document.
func examples(document string) []string {
	var texts []string
	for _, found := range block.FindAllStringSubmatch(document, -1) {
		if json.Valid([]byte(found[1])) { // others show a part
			texts = append(texts, found[1])
		}
	}
	return texts
}

// fill does what the agent does with a template, for a node.
func fill(t *testing.T, text string) string {
	t.Helper()
	parsed, err := template.New("").Funcs(template.FuncMap{"json": func(v any) (string, error) {
		text, err := json.Marshal(v)
		return string(text), err
	}}).Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var filled strings.Builder
	if err := parsed.Execute(&filled, map[string]any{
		"MTU":    1450,
		"Ranges": [][]map[string]string{{{"subnet": "10.1.2.0/24"}}, {{"subnet": "fd00::/64"}}},
		"Routes": []map[string]string{{"dst": "0.0.0.0/0"}, {"dst": "::/0"}},
	}); err != nil {
		t.Fatal(err)
	}
	return filled.String()
}

var (
	// manifest finds the template in the manifest of the agent, whose lines are indented.
	manifest = regexp.MustCompile(`(?m)^  conflist: \|\n((?:    .*\n)+)`)
	// demo finds the configuration in the demo, whose parts are in quotes of the shell.
	demo = regexp.MustCompile(`(?m)^readonly (ipam|config)='(.*)'$`)
)

// Every example in the documentation, every configuration that others ship, those of the agent
// and that of the demo are valid, but for the one that is there to be wrong.
func TestValid(t *testing.T) {
	all := schemas(t)
	var texts []string
	for _, document := range read(t, "plugins/*/*/README.md", "README.md", "agent/README.md", "docs/*.md") {
		texts = append(texts, examples(document)...)
	}
	texts = append(texts, read(t, "integration/testdata/shipped/*.conflist")...)
	for _, text := range read(t, "agent/templates/*.conflist") {
		texts = append(texts, fill(t, text))
	}
	found := manifest.FindStringSubmatch(read(t, "agent/deploy/cni-plugins.yaml")[0])
	if found == nil {
		t.Fatal("no template in the manifest")
	}
	texts = append(texts, fill(t, found[1]))
	parts := demo.FindAllStringSubmatch(read(t, "scripts/demo.sh")[0], -1)
	if len(parts) != 2 {
		t.Fatalf("the demo's configuration: %q", parts)
	}
	texts = append(texts, strings.NewReplacer("'$network'", "demonet", "'$ipam'", parts[0][2]).Replace(parts[1][2]))
	judged := 0
	for _, text := range texts {
		n, err := judge(t, all, text)
		if wrong := strings.Contains(text, `"name": "wrong"`); (err != nil) != wrong {
			t.Errorf("%s: %v", text, err)
		}
		judged += n
	}
	if judged < 100 {
		t.Errorf("only %d configurations of plugins were judged", judged)
	}
}

// What the plugins' tests have as invalid is invalid, as far as a schema can tell.
func TestInvalid(t *testing.T) {
	all := schemas(t)
	for name, confs := range map[string][]string{
		"bridge": {
			`"vlan": -100`, `"vlan": 4095`, `"vlan": "1"`, `"mtu": -1`, `"mtu": 10`, `"mtu": 100000`, `"mtu": "1500"`, `"bridge": "bridge-of-16-byt"`,
			`"ipMasq": "both"`, `"ipMasqBackend": "foo"`, `"vlanTrunk": [{"id": 0}]`, `"vlanTrunk": [{"minID": 1, "maxID": 4095}]`,
			`"defaultRoute": {"metric": 0}`, `"defaultRoute": {}`, `"defaultRoute": "no"`, `"stp": "on"`, `"capabilities": {"mac": "yes"}`,
		},
		"ptp":        {`"mtu": 67`, `"ipMasqExclude": "10.0.0.0/8"`, `"ipMasqExclude": [1]`, `"runtimeConfig": {"mac": 1}`},
		"macvlan":    {`"mode": "other"`, `"bcqueuelen": -1`, `"numTxQueues": 4097`, `"hostInterface": {"name": "sixteen-letters-"}`},
		"ipvlan":     {`"mode": "l4"`, `"flag": "x"`, `"hostInterface": 1`},
		"vlan":       {`"vlanId": 1`, `"master": "e"`, `"master": "e", "vlanId": 4095`, `"master": "e", "vlanId": 1, "qos": {"egress": {"1": 8}}`},
		"dummy":      {`"mtu": 1`, `"numRxQueues": -1`},
		"tap":        {`"mtu": 65522`, `"owner": -1`, `"multiQueue": 1`},
		"host-local": {`"ipam": 1`, `"name": "n"`, `"ipam": {"ranges": [{}]}`, `"ipam": {"ranges": [[{}]]}`, `"ipam": {"routes": [{}]}`, `"ipam": {"routes": [{"dst": "10.0.0.0/8", "scope": 300}]}`},
		"static":     {`"name": "n"`, `"ipam": {"addresses": [{}]}`, `"ipam": {"routes": [{"gw": "10.0.0.1"}]}`, `"ipam": {"routes": [{"dst": "10.0.0.0/8", "table": -5}]}`},
		"dhcp":       {`"ipam": {"ipv6": "auto"}`, `"ipam": {"priority": -1}`, `"ipam": {"provide": [{"value": "x"}]}`},
		"bandwidth":  {`"latency": 10001`, `"ingressRate": 7`, `"egressBurst": 34359738360`, `"discipline": "sfq"`, `"maxBurst": 0`, `"maxBurst": true`},
		"firewall":   {`"backend": "ipfw"`, `"ingressPolicy": "closed"`, `"iptablesAdminChainName": "a-name-of-twenty-nine-letters"`},
		"portmap": {
			`"markMasqBit": 32`, `"backend": "x"`, `"hostPortConflict": "wait"`, `"runtimeConfig": {"portMappings": [{"hostPort": 1}]}`,
			`"runtimeConfig": {"portMappings": [{"hostPort": 65536, "containerPort": 1, "protocol": "tcp"}]}`,
		},
		"sbr":    {`"table": 0`, `"gateways": ["a", "b", "c"]`, `"subnetGateways": {"10.0.0.0/8": 1}`},
		"tuning": {`"mtu": -1`, `"txQLen": 2147483648`, `"sysctl": {"net.core.somaxconn": 500}`, `"offloads": {"tso": "on"}`},
		"vrf":    {`"table": 1`, `"vrfname": ""`, `"vrfname": "sixteen-letters-"`, `"vrfname": "v", "table": 4294967296`},
	} {
		for _, conf := range confs {
			text := `{"cniVersion": "1.1.0", "type": "` + name + `", ` + conf + `}`
			if _, err := judge(t, all, text); err == nil {
				t.Errorf("%s is valid", text)
			}
		}
	}
}
