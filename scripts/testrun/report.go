package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const modulePath = "github.com/containernetworking/plugins/"

// event is a line of `go test -json`; see go doc test2json.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output, in place of Package
	Test        string
	Output      string
	Elapsed     float64 // seconds
	FailedBuild string
}

// testName is a test or subtest; with an empty name, the package as such.
type testName struct{ Package, Name string }

func (t testName) String() string {
	return strings.TrimSpace(strings.TrimPrefix(t.Package, modulePath) + " " + t.Name)
}

// outcome is how a test ended on the kernel that ran it last; a failure on either stays.
type outcome struct {
	verdict string // pass, fail, skip, or empty while it has not ended
	output  strings.Builder
	reasons []string // why it skipped, per kernel
}

// lacksKernel reports whether the test skipped for what its first kernel lacks.
func (o *outcome) lacksKernel() bool {
	return o.verdict == "skip" && len(o.reasons) > 0 && strings.HasPrefix(o.reasons[0], "kernel lacks ")
}

func (o *outcome) begin() {
	if o.verdict != "fail" {
		o.verdict = ""
	}
	o.output.Reset()
}

// report collects the events of all runs, and prints what a reader of the log wants to
// see at once: each package's end, and the output of what failed.
type report struct {
	mu       sync.Mutex // several streams may be read at once
	w        io.Writer
	outcomes map[testName]*outcome
	builds   map[string]*strings.Builder // compiler messages, by import path
	running  map[string]time.Time        // packages, and since when
}

func newReport(w io.Writer) *report {
	return &report{w: w, outcomes: map[testName]*outcome{}, builds: map[string]*strings.Builder{}, running: map[string]time.Time{}}
}

// read takes events until the end of the stream. Lines that are none are passed on. Tests that
// have not ended by then fail, unless they are excused.
func (r *report) read(stream io.Reader, excused func() bool) error {
	lines := bufio.NewReader(stream)
	open := map[testName]bool{}
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		r.mu.Lock()
		switch {
		case len(line) == 0:
		case json.Unmarshal(line, &e) != nil:
			fmt.Fprintf(r.w, "%s", line)
		default:
			r.add(e, open)
		}
		if err != nil && !excused() {
			r.failOpen(open, "")
		}
		r.mu.Unlock()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read test events: %w", err)
		}
	}
}

// add takes an event of a stream, of whose tests those are open that have begun and not
// ended.
func (r *report) add(e event, open map[testName]bool) {
	if e.Action == "build-output" {
		r.build(e.ImportPath).WriteString(e.Output)
		return
	}
	if e.Package == "" {
		return
	}
	test := testName{e.Package, e.Test}
	switch e.Action {
	case "start", "run":
		open[test] = test.Name != ""
		if test.Name == "" {
			r.running[test.Package] = time.Now()
		}
		r.outcome(test).begin()
	case "output":
		r.outcome(test).output.WriteString(e.Output)
	case "pass", "fail", "skip":
		delete(open, test)
		if test.Name == "" {
			delete(r.running, test.Package)
			r.failOpen(open, test.Package)
		}
		r.end(test, e)
	}
}

func (r *report) build(path string) *strings.Builder {
	if r.builds[path] == nil {
		r.builds[path] = &strings.Builder{}
	}
	return r.builds[path]
}

func (r *report) outcome(test testName) *outcome {
	if r.outcomes[test] == nil {
		r.outcomes[test] = &outcome{}
	}
	return r.outcomes[test]
}

func (r *report) end(test testName, e event) {
	o := r.outcome(test)
	if o.verdict != "fail" {
		o.verdict = e.Action
	}
	switch {
	case test.Name == "":
		r.endPackage(test.Package, o, e)
	case e.Action == "skip":
		o.reasons = append(o.reasons, skipReason(o.output.String()))
	case e.Action == "fail":
		fmt.Fprintf(r.w, "--- FAIL %v (%.2fs)\n%s", test, e.Elapsed, o.output.String())
	}
	o.output.Reset()
}

// failOpen fails the tests of a package, or of all, that never end, as when the process
// was killed.
func (r *report) failOpen(open map[testName]bool, pkg string) {
	for test, isTest := range open {
		if !isTest || pkg != "" && test.Package != pkg {
			continue
		}
		o := r.outcome(test)
		o.verdict = "fail"
		fmt.Fprintf(r.w, "--- FAIL %v: it did not end\n%s", test, o.output.String())
		delete(open, test)
	}
}

// unended returns those of the tests that have not ended.
func (r *report) unended(tests []testName) []testName {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(tests), func(t testName) bool { return r.outcomes[t] != nil && r.outcomes[t].verdict != "" })
}

// endPackage shows the package's own output if no test explains its failure.
func (r *report) endPackage(pkg string, o *outcome, e event) {
	explained := false
	for test, other := range r.outcomes {
		explained = explained || test.Package == pkg && test.Name != "" && other.verdict == "fail"
	}
	if e.Action == "fail" {
		if build := r.builds[e.FailedBuild]; build != nil {
			fmt.Fprint(r.w, build.String())
		}
		if !explained {
			fmt.Fprint(r.w, o.output.String())
		}
	}
	if e.Action != "skip" {
		fmt.Fprintf(r.w, "%-4s %v (%.1fs)\n", e.Action, testName{Package: pkg}, e.Elapsed)
	}
}

// skipReason finds the text of t.Skip, which the testing package prints behind the file
// and line.
func skipReason(output string) string {
	var reason string
	for _, m := range regexp.MustCompile(`(?m)^\s*[^\s:]+\.go:\d+: (.*)$`).FindAllStringSubmatch(output, -1) {
		reason = m[1]
	}
	return reason
}

// lacking lists, in order, the tests to run again on the other kernel, which is where
// they have to end now: those that skipped, and those that are sensitive.
func (r *report) lacking() []testName {
	var tests []testName
	for test, o := range r.outcomes {
		if o.lacksKernel() {
			o.verdict = ""
			tests = append(tests, test)
		}
	}
	for _, test := range sensitive {
		if o := r.outcomes[test]; o != nil && o.verdict == "pass" {
			o.verdict = ""
			tests = append(tests, test)
		}
	}
	return sorted(tests)
}

// failures counts the tests that failed, and the packages that failed as such.
func (r *report) failures() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.withVerdict("fail"))
}

// withVerdict lists the tests that ended so. A test with subtests is represented by
// those, unless it failed and none of them did.
func (r *report) withVerdict(verdict string) []testName {
	parents := map[testName]bool{}
	for test, o := range r.outcomes {
		if verdict != "fail" || o.verdict == "fail" {
			for parent, ok := test.parent(); ok; parent, ok = parent.parent() {
				parents[parent] = true
			}
		}
	}
	var tests []testName
	for test, o := range r.outcomes {
		if o.verdict == verdict && !parents[test] && (test.Name != "" || verdict == "fail") {
			tests = append(tests, test)
		}
	}
	return sorted(tests)
}

func sorted(tests []testName) []testName {
	slices.SortFunc(tests, func(a, b testName) int { return strings.Compare(a.String(), b.String()) })
	return tests
}

// parent is the test that t is a subtest of, or t's package.
func (t testName) parent() (testName, bool) {
	if t.Name == "" {
		return testName{}, false
	}
	i := max(strings.LastIndexByte(t.Name, '/'), 0)
	return testName{t.Package, t.Name[:i]}, true
}

// close has the tests failed that have not ended.
func (r *report) close() {
	for _, o := range r.outcomes {
		if o.verdict == "" {
			o.verdict = "fail"
		}
	}
}

// summarize prints what failed and what was skipped on every kernel, and the counts. It
// reports whether all is well.
func (r *report) summarize(allowed skips) bool {
	r.close()
	failed := r.failures()
	skipped := 0
	fmt.Fprintln(r.w)
	for _, test := range r.withVerdict("fail") {
		fmt.Fprintf(r.w, "FAIL %v\n", test)
	}
	for _, test := range r.withVerdict("skip") {
		reasons := strings.Join(r.outcomes[test].reasons, "; ")
		if why, ok := allowed[test]; ok {
			skipped++
			fmt.Fprintf(r.w, "SKIP %v: %s (allowed: %s)\n", test, reasons, why)
			continue
		}
		failed++
		fmt.Fprintf(r.w, "FAIL %v: skipped on every kernel: %s\n", test, reasons)
	}
	fmt.Fprintf(r.w, "%d passed, %d failed, %d skipped\n", len(r.withVerdict("pass")), failed, skipped)
	return failed == 0
}
