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

// Every example in a README, and every configuration that others ship, is valid.
func TestValid(t *testing.T) {
	all := schemas(t)
	var texts []string
	readmes, _ := filepath.Glob(root + "/plugins/*/*/README.md")
	for _, path := range append(readmes, root+"/README.md", root+"/agent/README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range block.FindAllStringSubmatch(string(text), -1) {
			if json.Valid([]byte(found[1])) { // others show a part
				texts = append(texts, found[1])
			}
		}
	}
	shipped, _ := filepath.Glob("../testdata/shipped/*.conflist")
	for _, path := range shipped {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	judged := 0
	for _, text := range texts {
		n, err := judge(t, all, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		judged += n
	}
	if judged < 60 {
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
		"host-local": {`"ipam": 1`, `"name": "n"`, `"ipam": {"ranges": [{}]}`, `"ipam": {"ranges": [[{}]]}`, `"ipam": {"routes": [{}]}`},
		"static":     {`"name": "n"`, `"ipam": {"addresses": [{}]}`, `"ipam": {"routes": [{"gw": "10.0.0.1"}]}`},
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
