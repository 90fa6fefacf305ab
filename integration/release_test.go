package integration

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sources makes a copy of what a build needs, in which bin is its own.
func sources(t *testing.T) string {
	t.Helper()
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	root, dir := filepath.Dir(string(mod)), t.TempDir()
	copied := exec.Command("cp", "-r", "README.md", "LICENSE", "build_linux.sh", "VERSION", "go.mod", "go.sum", "scripts", "pkg", "plugins", "vendor", dir)
	copied.Dir = root
	if out, err := copied.CombinedOutput(); err != nil {
		t.Fatalf("copy the sources: %v\n%s", err, out)
	}
	return dir
}

// introduction runs a plugin as nerdctl does to learn its version: without arguments
// and variables. It returns the first line of standard error.
func introduction(t *testing.T, path string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(path)
	cmd.Env, cmd.Stderr = []string{}, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(stderr.String(), "\n")
	return line
}

// A plain build reports no version, as the CNI tutorial prints; what is released reports
// the one in VERSION, which runtimes read as a semantic version, and the README shows.
func TestRelease(t *testing.T) {
	t.Parallel()
	dir := sources(t)
	text, err := os.ReadFile(filepath.Join(dir, "VERSION"))
	if err != nil {
		t.Fatal(err)
	}
	version := strings.TrimSpace(string(text))
	for _, test := range []struct{ options, want string }{
		{"", "version unknown"},
		{"--release", version},
		{"--bundle --release", version},
	} {
		build := exec.Command(filepath.Join(dir, "build_linux.sh"), strings.Fields(test.options)...)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", build.Args, err, out)
		}
		for _, plugin := range []string{"firewall", "ptp"} {
			if got, want := introduction(t, filepath.Join(dir, "bin", plugin)), "CNI "+plugin+" plugin "+test.want; got != want {
				t.Errorf("build_linux.sh %s: %q, want %q", test.options, got, want)
			}
		}
	}
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if example := "CNI firewall plugin " + version + "\n"; !strings.Contains(string(readme), example) {
		t.Errorf("the README does not show %q", example)
	}
	// nerdctl isolates bridges from v1.1.0 on, and knows the policy isolated from v1.7.1.
	parts := regexp.MustCompile(`^v(\d+)\.(\d+)\.(\d+)$`).FindStringSubmatch(version)
	if parts == nil {
		t.Fatalf("VERSION is %q", version)
	}
	major, _ := strconv.Atoi(parts[1])
	minor, _ := strconv.Atoi(parts[2])
	if major < 1 || major == 1 && minor < 8 {
		t.Errorf("VERSION is %q, too old for nerdctl's policy isolated", version)
	}
}

// A release of one commit is the same bytes, wherever it is built. (What is in it is the
// subject of the tests in scripts/release.)
func TestReleaseTwice(t *testing.T) {
	t.Parallel()
	const version = "v9.8.7"
	var dists [2]string
	for i := range dists {
		dir := sources(t)
		commit := exec.Command("sh", "-ec", `git init --quiet; git add --all; git -c user.name=n -c user.email=e commit --quiet -m c`)
		commit.Dir = dir
		commit.Env = append(os.Environ(), "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
		if out, err := commit.CombinedOutput(); err != nil {
			t.Fatalf("commit: %v\n%s", err, out)
		}
		release := exec.Command(filepath.Join(dir, "scripts/release.sh"), "--tarballs", version)
		release.Env = append(os.Environ(), "ARCHITECTURES=amd64", "PLUGINS=plugins/ipam/static")
		if out, err := release.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", release.Args, err, out)
		}
		dists[i] = filepath.Join(dir, "dist")
	}
	output(t, "diff", "--recursive", dists[0], dists[1])
	tarball := filepath.Join(dists[0], "cni-plugins-linux-amd64-"+version+".tgz")
	if got, want := output(t, "tar", "-tzf", tarball), "./\n./LICENSE\n./README.md\n./static\n"; got != want {
		t.Errorf("%s has\n%s, want\n%s", tarball, got, want)
	}
	output(t, "tar", "-xzf", tarball, "-C", dists[1])
	if got, want := introduction(t, filepath.Join(dists[1], "static")), "CNI static plugin "+version; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	checkLicences(t, dists[1])
	output(t, "sh", "-ec", `cd "$0"; sha256sum --check --strict --quiet SHA256SUMS *.sha256`, dists[0])
	if out, err := exec.Command(filepath.Join(dists[0], "../scripts/release.sh"), "1.2").CombinedOutput(); err == nil || !strings.Contains(string(out), "1.2 is not a version as v1.2.3") {
		t.Errorf("a release called 1.2: %v\n%s", err, out)
	}
}

// checkLicences expects those of the modules in an unpacked executable beside it.
func checkLicences(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(filepath.Join(dir, "static"))
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Deps) == 0 {
		t.Error("an executable without modules")
	}
	titles := []string{strings.Replace(info.GoVersion, "go", "Go ", 1)}
	for _, m := range info.Deps {
		titles = append(titles, m.Path+" "+m.Version)
	}
	for _, title := range titles {
		if !bytes.Contains(text, []byte("\n"+title+"\n")) {
			t.Errorf("LICENSE has nothing of %s", title)
		}
	}
}

// Whatever the plugins are built of may be handed on in executables.
func TestLicences(t *testing.T) {
	t.Parallel()
	dir := sources(t)
	script := filepath.Join(dir, "scripts/licenses.sh")
	if list := output(t, script, "-l"); !strings.Contains(list, "github.com/vishvananda/netlink v1.") || !strings.Contains(list, " Apache-2.0\n") {
		t.Errorf("licences:\n%s", list)
	}
	licence := filepath.Join(dir, "vendor/github.com/vishvananda/netns/LICENSE")
	refuses := func(says string) {
		t.Helper()
		if out, err := exec.Command(script, "-l").CombinedOutput(); err == nil || !strings.Contains(string(out), says) {
			t.Errorf("%v, want %q\n%s", err, says, out)
		}
	}
	if err := os.WriteFile(licence, []byte("All rights reserved.\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	refuses(licence + " is a licence that this script does not know")
	if err := os.Remove(licence); err != nil {
		t.Fatal(err)
	}
	refuses("github.com/vishvananda/netns has no licence")
}
