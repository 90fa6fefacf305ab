package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/containernetworking/plugins/integration/runtimes/image"
)

// The agent's manifest, and the image that it names.
const (
	manifestFile  = "../../../agent/deploy/cni-plugins.yaml"
	manifestImage = "docker.io/library/cni-plugins:v1.10.0"
)

// kinds are the images that are loaded on nodes: the manifest's, which has the bundle, and one
// with separate plugins.
func kinds() []string { return []string{"bundle", "separate"} }

// imageOf returns the name of the image of a kind.
func imageOf(kind string) string {
	if kind == "bundle" {
		return manifestImage
	}
	return "docker.io/library/cni-plugins:" + kind
}

// buildImages writes an image of each kind into a folder.
func buildImages(dir string) error {
	bundle, agent := filepath.Join(dir, "cni-plugins"), filepath.Join(dir, "cni-plugins-agent")
	for _, build := range []struct{ module, output, path string }{
		{"../../..", bundle, "./plugins/bundle"}, {"../../../agent", agent, "."},
	} {
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", build.output, build.path)
		cmd.Dir, cmd.Env = build.module, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", build.output, err, out)
		}
	}
	separate, err := filepath.Glob(filepath.Join(os.Getenv("CNI_TEST_BIN"), "*"))
	if err != nil || len(separate) == 0 {
		return fmt.Errorf("no plugins in CNI_TEST_BIN: %v", err)
	}
	for kind, programs := range map[string][]string{"bundle": {bundle, agent}, "separate": append(separate, bundle, agent)} {
		if err := image.WritePrograms(filepath.Join(dir, kind+".tar"), imageOf(kind), programs...); err != nil {
			return err
		}
	}
	return nil
}

// manifest is the agent's, with what differs in the site's way.
func (s site) manifest() string {
	s.Helper()
	text, err := os.ReadFile(manifestFile)
	if err != nil {
		s.Fatal(err)
	}
	manifest := string(text)
	for old, replacement := range s.changes() {
		if !strings.Contains(manifest, old) {
			s.Fatalf("%q is not in the manifest", old)
		}
		manifest = strings.ReplaceAll(manifest, old, replacement)
	}
	return manifest
}

// changes are what differs from the manifest in the site's way.
func (s site) changes() map[string]string {
	changes := map[string]string{}
	if s.way.main == "bridge" {
		changes["--template=/etc/cni-plugins/conflist"] = "--network=bridge"
	}
	if s.way.overlay {
		changes["# - --overlay=vxlan "] = "- --overlay=vxlan #"
	}
	if !s.way.bundle {
		changes[manifestImage] = imageOf("separate")
		changes["--bin-dir=/opt/cni/bin]"] = "--bin-dir=/opt/cni/bin, --from=/]"
	}
	return changes
}
