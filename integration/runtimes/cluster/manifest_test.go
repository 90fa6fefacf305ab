package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/containernetworking/plugins/integration/runtimes/image"
)

// The agent's manifest, the image that it names, and one with separate plugins.
const (
	manifestFile  = "../../../agent/deploy/cni-plugins.yaml"
	manifestImage = "docker.io/library/cni-plugins:v1.10.0"
	separateImage = "docker.io/library/cni-plugins:separate"
)

// kinds are the images that are loaded on nodes.
func kinds() []string { return []string{"bundle", "separate"} }

// buildImages writes an image of each kind into a folder: the manifest's as a release has it, of
// what is committed, and one that installs the plugins in CNI_TEST_BIN. The plugin that does nothing
// is there, too.
func buildImages(dir string) error {
	bundle := filepath.Join(dir, "cni-plugins")
	for _, build := range []*exec.Cmd{
		exec.Command("../../../scripts/image.sh"),
		exec.Command("go", "-C", "../../..", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", bundle, "./plugins/bundle"),
		exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(dir, "idle"), "../idle"),
	} {
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "ARCHITECTURES="+runtime.GOARCH, "ARCHIVE="+filepath.Join(dir, "bundle.tar"))
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(build.Args, " "), err, out)
		}
	}
	separate, err := filepath.Glob(filepath.Join(os.Getenv("CNI_TEST_BIN"), "*"))
	if err != nil || len(separate) == 0 {
		return fmt.Errorf("no plugins in CNI_TEST_BIN: %v", err)
	}
	return image.WritePrograms(filepath.Join(dir, "separate.tar"), separateImage, append(separate, bundle)...)
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
		changes["image: &image "+manifestImage] = "image: " + separateImage
		changes["image: *image"] = "image: " + manifestImage
		changes["--bin-dir=/opt/cni/bin]"] = "--bin-dir=/opt/cni/bin, --from=/]"
	}
	return changes
}
