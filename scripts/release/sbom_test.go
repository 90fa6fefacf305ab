package release_test

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func sbom(t *testing.T) string { return file(t, "cni-plugins-"+version+".cdx.json") }

// The SBOM is what CycloneDX's own schema says.
func TestSBOMSchema(t *testing.T) {
	t.Parallel()
	module := strings.TrimSpace(output(t, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go"))
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	for name, file := range map[string]string{"bom-1.6": "bom-1.6.schema.json", "spdx": "spdx.schema.json", "jsf-0.82": "jsf-0.82.schemax.json"} {
		if err := compiler.AddResource("http://cyclonedx.org/schema/"+name+".schema.json", decode(t, filepath.Join(module, "schema", file))); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(decode(t, sbom(t))); err != nil {
		t.Error(err)
	}
	broken := decode(t, sbom(t)).(map[string]any)
	broken["specVersion"] = 1
	if schema.Validate(broken) == nil {
		t.Error("the schema takes anything")
	}
}

func decode(t *testing.T, path string) any {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	value, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// The SBOM names the modules that are in the executables of all architectures.
func TestSBOMModules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(sbom(t))
	if err != nil {
		t.Fatal(err)
	}
	var bom struct {
		Components []struct {
			Name, Version, PURL string
			Licenses            []any `json:"licenses"`
			Evidence            *struct {
				Licenses []any `json:"licenses"`
			} `json:"evidence"`
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &bom); err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, c := range bom.Components {
		listed = append(listed, c.Name+"@"+c.Version)
		if len(c.Licenses) == 0 && (c.Evidence == nil || len(c.Evidence.Licenses) == 0) && c.Name != "std" {
			t.Errorf("%s has no licence", c.PURL)
		}
	}
	slices.Sort(listed)
	for architecture := range machines {
		if diff := cmp.Diff(modules(t, architecture), listed); diff != "" {
			t.Errorf("%s: modules (-built +listed):\n%s", architecture, diff)
		}
	}
}

// modules returns those in the bundle of an architecture, and the standard library.
func modules(t *testing.T, architecture string) []string {
	t.Helper()
	dir := t.TempDir()
	if err := exec.Command("tar", "-xzf", file(t, "cni-plugins-bundle-linux-"+architecture+"-"+version+".tgz"), "-C", dir).Run(); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(filepath.Join(dir, "bridge"))
	if err != nil {
		t.Fatal(err)
	}
	built := []string{"std@" + info.GoVersion}
	for _, m := range info.Deps {
		built = append(built, m.Path+"@"+m.Version)
	}
	slices.Sort(built)
	return built
}
