package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
)

// guestSeconds bounds each run under User-mode Linux.
const guestSeconds = "900"

// runInGuests runs the tests under User-mode Linux, in one boot for each processor, as a
// guest uses no more than one. The binaries are compiled here, in work, where the guests
// see them.
func runInGuests(r *report, tests []testName, work string) error {
	binaries, err := compile(tests, work)
	if err != nil {
		return err
	}
	shares := deal(tests, runtime.NumCPU())
	errs := make([]error, len(shares))
	var running sync.WaitGroup
	for i, share := range shares {
		running.Go(func() { errs[i] = runInGuest(r, share, binaries) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// compile makes the test binary of each package and returns their paths.
func compile(tests []testName, work string) (map[string]string, error) {
	binaries := make(map[string]string)
	for _, pkg := range byPackage(tests) {
		binary := filepath.Join(work, fmt.Sprintf("%d.test", len(binaries)))
		if _, err := output("go", "test", "-c", "-o", binary, pkg.path); err != nil {
			return nil, err
		}
		binaries[pkg.path] = binary
	}
	return binaries, nil
}

// deal gives each of at most n shares as many of the tests, to and fro. Those that stand
// beside each other in the list take about as long, and who is the first in one round is
// the last in the next.
func deal(tests []testName, n int) [][]testName {
	shares := make([][]testName, min(n, len(tests)))
	for i, test := range tests {
		to := i % len(shares)
		if i/len(shares)%2 == 1 {
			to = len(shares) - 1 - to
		}
		shares[to] = append(shares[to], test)
	}
	return shares
}

// runInGuest runs the tests in one boot.
func runInGuest(r *report, tests []testName, binaries map[string]string) error {
	converter, err := output("go", "tool", "-n", "test2json")
	if err != nil {
		return err
	}
	var script strings.Builder
	for _, pkg := range byPackage(tests) {
		folder, err := output("go", "list", "-f", "{{.Dir}}", pkg.path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&script, "cd %s && %s -t -p %s %s -test.v=test2json -test.timeout=15m -test.parallel=%d -test.run=%s\n",
			quote(folder), quote(converter), quote(pkg.path), quote(binaries[pkg.path]), testsPerProcessor, quote(pkg.pattern()))
	}
	script.WriteString("exit 0\n")
	return readFrom(exec.Command("scripts/uml.sh", "-t", guestSeconds, "sh", "-c", script.String()), r)
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
