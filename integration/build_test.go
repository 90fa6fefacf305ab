package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// PLUGINS names the folders to build, as patterns of the shell; whoever packages a few
// of the plugins sets it. What is no plugin's folder is an error, and builds nothing.
func TestBuildSome(t *testing.T) {
	t.Parallel()
	dir := sources(t)
	bin := filepath.Join(dir, "bin")
	for _, test := range []struct {
		folders, option string
		want            []string
	}{
		{"plugins/meta/none", "", nil},
		{"plugins/ipam/static plugins/none/*", "", nil},
		{"plugins/ipam/s* ./plugins/main/dummy/", "", []string{"dummy", "static"}},
		{"plugins/ipam/s* ./plugins/main/dummy/", "--bundle", []string{"cni-plugins", "dummy", "static"}},
	} {
		if err := os.RemoveAll(bin); err != nil {
			t.Fatal(err)
		}
		build := exec.Command(filepath.Join(dir, "build_linux.sh"), strings.Fields(test.option)...)
		build.Env = append(os.Environ(), "PLUGINS="+test.folders)
		if out, err := build.CombinedOutput(); (err == nil) != (test.want != nil) {
			t.Errorf("PLUGINS=%q %v: %v\n%s", test.folders, build.Args, err, out)
		}
		built, err := filepath.Glob(filepath.Join(bin, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for i, path := range built {
			built[i] = filepath.Base(path)
		}
		if diff := cmp.Diff(test.want, built); diff != "" {
			t.Errorf("PLUGINS=%q: bin has (-want +got):\n%s", test.folders, diff)
		}
	}
}
