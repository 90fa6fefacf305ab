package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// partsPerGuest is how many parts of the tests a guest runs, one after the other, if all
// take as long. With more, guests end closer to each other, but fewer tests run at once.
const partsPerGuest = 5

// kernel is one beside the machine's own.
type kernel struct {
	name string
	// command begins the one of a guest, nil for the machine's own kernel, and guests are how many
	// it takes to use the machine's processors.
	command []string
	guests  int
	// parallel is how many tests run beside each other in each.
	parallel int
	// lacks says that it is for what the machine's own kernel lacks alone, as it lacks much itself.
	lacks bool
}

// userMode uses no more than one processor for each guest.
func userMode() kernel {
	return kernel{
		name: "User-mode Linux 6.1", command: []string{"scripts/uml.sh"},
		guests: runtime.NumCPU(), parallel: testsPerProcessor, lacks: true,
	}
}

// guestRun is a run of tests in guests.
type guestRun struct {
	kernel
	// first is a script that each guest begins with.
	first string
	// binaries are those of the tests, by package.
	binaries map[string]string
	// claims is a folder that the guests share.
	claims string
	limit  time.Duration
}

// reportVariable names the environment variable with the file that tests append to, if there is one.
const reportVariable = "CNI_TEST_REPORT"

// silence is after how long without a word a guest is ended, as one is that waits for an answer of
// virtiofs which got lost. No test takes half of that.
const silence = 15 * time.Minute

// run runs the tests, and once more those that a guest did not get to the end of.
func (g guestRun) run(r *report, tests []testName) error {
	err := g.runOnce(r, tests)
	unended := r.unended(tests)
	if len(unended) == 0 || g.command == nil {
		return err
	}
	fmt.Printf("%v: %d tests again, which did not end\n", err, len(unended))
	g.claims += "-again"
	return g.runOnce(r, unended)
}

func (g guestRun) runOnce(r *report, tests []testName) error {
	if err := os.MkdirAll(g.claims, 0o755); err != nil {
		return err
	}
	script, err := g.script(deal(tests, partsPerGuest*g.guests))
	if err != nil {
		return err
	}
	// In a file, as it may be longer than an argument can be.
	path := filepath.Join(g.claims, "script")
	if err := os.WriteFile(path, []byte(script), 0o644); err != nil {
		return err
	}
	command := slices.Clone(g.command)
	if command != nil {
		command = append(command, "-t", fmt.Sprint(int(g.limit.Seconds())), "-s", g.claims)
		if report := os.Getenv(reportVariable); report != "" {
			command = append(command, "-s", filepath.Dir(report))
		}
	}
	command = append(command, "sh", path)
	errs := make([]error, g.guests)
	var running sync.WaitGroup
	for i := range errs {
		running.Go(func() {
			errs[i] = readWithin(exec.Command(command[0], command[1:]...), r, silence)
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// runAgain runs tests under User-mode Linux, on odd machines.
func runAgain(r *report, tests []testName, work string, limit time.Duration) error {
	var packages []string
	for _, pkg := range byPackage(tests) {
		packages = append(packages, pkg.path)
	}
	binaries, err := compile(packages, work)
	if err != nil {
		return err
	}
	return guestRun{userMode(), oddMachine, binaries, filepath.Join(work, "claims"), limit}.run(r, tests)
}

// oddMachine makes a guest a machine on which others have changed what new namespaces get, as
// Docker, libvirt and Kubernetes do.
const oddMachine = `cd /proc/sys/net
echo 1 >ipv4/ip_forward
for name in all default; do echo 1 >ipv4/conf/$name/rp_filter; echo 1 >ipv4/conf/$name/arp_ignore; done
for name in bridge/bridge-nf-call-*; do echo 0 >$name; done
`

// sensitive are tests that look at what new namespaces get: they run in the guests, which are
// odd machines, as well.
var sensitive = []testName{
	{modulePath + "integration", "TestTuningGolden"},
	{modulePath + "integration", "TestTuningReplacedInterface"},
	{modulePath + "integration/hoststate", "TestDiff/sysctl"},
	{modulePath + "plugins/meta/tuning/tuning", "TestCompare"},
	{modulePath + "plugins/meta/tuning/tuning", "TestFollowers"},
}

// compile makes the test binary of each package in a folder, where guests see them, and returns their paths.
func compile(packages []string, folder string) (map[string]string, error) {
	binaries := make(map[string]string)
	for _, pkg := range packages {
		binary := filepath.Join(folder, fmt.Sprintf("%d.test", len(binaries)))
		if _, err := output("go", "test", "-c", "-o", binary, pkg); err != nil {
			return nil, err
		}
		binaries[pkg] = binary
	}
	return binaries, nil
}

// deal splits the tests into at most n parts. Those that stand beside each other in the
// list, which often take about as long, get into different ones.
func deal(tests []testName, n int) [][]testName {
	parts := make([][]testName, min(n, len(tests)))
	for i, test := range tests {
		parts[i%len(parts)] = append(parts[i%len(parts)], test)
	}
	return parts
}

// script returns what each guest runs: those parts of the tests that no other one
// has claimed before, by making a directory.
func (g guestRun) script(parts [][]testName) (string, error) {
	converter, err := output("go", "tool", "-n", "test2json")
	if err != nil {
		return "", err
	}
	var script strings.Builder
	script.WriteString(g.first)
	for i, part := range parts {
		fmt.Fprintf(&script, "if mkdir %s 2>/dev/null; then\n", quote(filepath.Join(g.claims, fmt.Sprint(i))))
		for _, pkg := range byPackage(part) {
			folder, err := output("go", "list", "-f", "{{.Dir}}", pkg.path)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&script, "cd %s && %s -t -p %s %s -test.v=test2json -test.timeout=%v -test.parallel=%d -test.run=%s\n",
				quote(folder), quote(converter), quote(pkg.path), quote(g.binaries[pkg.path]), g.limit, g.parallel, quote(pkg.pattern()))
		}
		script.WriteString("fi\n")
	}
	script.WriteString("exit 0\n")
	return script.String(), nil
}

// packageTests are the tests to run of one package.
type packageTests struct {
	path  string
	tests []testName
}

// byPackage splits a sorted list.
func byPackage(tests []testName) []packageTests {
	var packages []packageTests
	for _, test := range tests {
		if n := len(packages); n == 0 || packages[n-1].path != test.Package {
			packages = append(packages, packageTests{path: test.Package})
		}
		last := &packages[len(packages)-1]
		last.tests = append(last.tests, test)
	}
	return packages
}

// pattern is the value of -test.run that selects the tests and no others: alternatives of
// slash-separated expressions, one for each level of subtests.
func (p packageTests) pattern() string {
	var alternatives []string
	for _, test := range p.tests {
		var levels []string
		for level := range strings.SplitSeq(test.Name, "/") {
			levels = append(levels, "^"+regexp.QuoteMeta(level)+"$")
		}
		alternatives = append(alternatives, strings.Join(levels, "/"))
	}
	return strings.Join(alternatives, "|")
}

// output runs a command and returns its standard output without the last newline.
func output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("run %q: %w", cmd.Args, err)
	}
	return strings.TrimRight(string(out), "\n"), nil
}

// quote protects a word from the shell.
func quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
