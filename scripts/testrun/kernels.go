package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// kernels are those that tests can run on, the machine's own first.
func kernels() ([]kernel, error) {
	var own unix.Utsname
	if err := unix.Uname(&own); err != nil {
		return nil, err
	}
	version := strings.SplitN(unix.ByteSliceToString(own.Release[:]), ".", 3)
	all := []kernel{
		{name: "the machine's " + strings.Join(version[:2], "."), guests: 1, parallel: testsPerProcessor * runtime.NumCPU()},
		userMode(),
	}
	// Processors are slow there, and limits of time in tests are for those that are not: fewer tests
	// run beside each other. Two guests with a processor each do a third more than one with two.
	for _, version := range []string{"6.1", "6.12"} {
		command := []string{"scripts/qemu.sh", "-k", version, "-c", "1", "-n", "virtio", "-n", "e1000"}
		all = append(all, kernel{name: "Debian's " + version, command: command, guests: runtime.NumCPU(), parallel: 2})
	}
	return all, nil
}

// kernelRun is what to run on kernels.
type kernelRun struct {
	kernels []kernel
	tests   selection
	// without are tests that do not run there, and allowed those that may skip on all.
	without, allowed skips
	work             string
}

// newKernelRun chooses kernels by an expression for their names, and reads the lists of tests.
func newKernelRun(chosen, without, allowed string) (*kernelRun, error) {
	pattern, err := regexp.Compile(chosen)
	if err != nil {
		return nil, err
	}
	all, err := kernels()
	if err != nil {
		return nil, err
	}
	k := &kernelRun{kernels: slices.DeleteFunc(all, func(x kernel) bool { return !pattern.MatchString(x.name) })}
	if k.without, err = readSkips(without); err != nil {
		return nil, err
	}
	k.allowed, err = readSkips(allowed)
	return k, err
}

// run runs tests on each kernel, and reports whether all passed or may skip everywhere. The
// tables come last, and in the file that CNI_TEST_REPORT names.
func (k *kernelRun) run(packages []string) (bool, error) {
	list, err := output("go", append([]string{"list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}"}, packages...)...)
	if err != nil {
		return false, err
	}
	binaries, err := compile(strings.Fields(list), k.work)
	if err != nil {
		return false, err
	}
	tests, err := k.list(binaries)
	if err != nil {
		return false, err
	}
	before, err := readMachine()
	if err != nil {
		return false, err
	}
	table, to := newTable(), os.Getenv(reportVariable)
	for i, x := range k.kernels {
		r, tests := newReport(os.Stdout), tests
		if x.lacks && len(table.reports) > 0 {
			tests = lackedBy(table.reports[0], tests)
		}
		fmt.Printf("\n%s, %d tests\n", x.name, len(tests))
		claims := filepath.Join(k.work, fmt.Sprint("kernel", i))
		os.Setenv(reportVariable, filepath.Join(claims, "report"))
		if err := (guestRun{x, "", binaries, claims, k.tests.limit}).run(r, tests); err != nil {
			fmt.Fprintln(os.Stderr, "testrun:", err)
		}
		rows, err := os.ReadFile(os.Getenv(reportVariable))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		if x.command == nil {
			after, err := readMachine()
			if err != nil {
				return false, err
			}
			before.compare(after, r)
		}
		table.add(x.name, r, string(rows))
	}
	text := table.String()
	fmt.Print("\n", text)
	if to != "" {
		if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
			return false, err
		}
	}
	return table.summarize(os.Stdout, k.allowed), nil
}

// list returns the tests of the binaries that are to run, in order.
func (k *kernelRun) list(binaries map[string]string) ([]testName, error) {
	pattern := k.tests.pattern
	if pattern == "" {
		pattern = "^Test"
	}
	var tests []testName
	for pkg, binary := range binaries {
		names, err := output(binary, "-test.list", pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range strings.Fields(names) {
			test := testName{pkg, name}
			if strings.HasPrefix(name, "Test") && k.without[test] == "" && k.without[testName{pkg, "*"}] == "" {
				tests = append(tests, test)
			}
		}
	}
	return sorted(tests), nil
}

// lackedBy returns those of the tests for which another kernel lacks something, and those of what
// kernels have.
func lackedBy(other *report, tests []testName) []testName {
	lacked := map[testName]bool{{modulePath + "integration", "TestKernelFeatures"}: true}
	for test, o := range other.outcomes {
		if o.lacksKernel() {
			name, _, _ := strings.Cut(test.Name, "/")
			lacked[testName{test.Package, name}] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(tests), func(test testName) bool { return !lacked[test] })
}

// table is what came of the tests on several kernels.
type table struct {
	kernels []string
	reports []*report
	// features are in the order in which they were told, with what plugins do without.
	features []string
	without  map[string]string
	// has says which kernel has a feature.
	has map[[2]string]string
}

func newTable() *table {
	return &table{without: map[string]string{}, has: map[[2]string]string{}}
}

// add takes the results of a kernel, and the rows of tab-separated fields that tests reported: the word
// feature, its name, what plugins do without it, and whether the kernel has it.
func (t *table) add(kernel string, r *report, rows string) {
	t.kernels, t.reports = append(t.kernels, kernel), append(t.reports, r)
	r.close()
	for row := range strings.Lines(rows) {
		fields := strings.Split(strings.TrimSpace(row), "\t")
		if len(fields) != 4 || fields[0] != "feature" {
			continue
		}
		if _, known := t.without[fields[1]]; !known {
			t.features = append(t.features, fields[1])
		}
		t.without[fields[1]] = fields[2]
		t.has[[2]string{kernel, fields[1]}] = map[string]string{"true": "yes", "false": "no"}[fields[3]]
	}
}

// String returns the tables in Markdown.
func (t *table) String() string {
	var text strings.Builder
	text.WriteString("| Kernel | passed | failed | skipped |\n|---|---|---|---|\n")
	for i, r := range t.reports {
		fmt.Fprintf(&text, "| %s | %d | %d | %d |\n", t.kernels[i], len(r.withVerdict("pass")), r.failures(), len(r.withVerdict("skip")))
	}
	if len(t.features) > 0 {
		fmt.Fprintf(&text, "\n| What | %s | Without it |\n|---|%s---|\n", strings.Join(t.kernels, " | "), strings.Repeat("---|", len(t.kernels)))
	}
	for _, feature := range t.features {
		fmt.Fprintf(&text, "| %s |", feature)
		for _, kernel := range t.kernels {
			fmt.Fprintf(&text, " %s |", t.has[[2]string{kernel, feature}])
		}
		fmt.Fprintf(&text, " %s |\n", t.without[feature])
	}
	return text.String()
}

// summarize prints what failed on which kernel, what was skipped on all, and the counts. It reports
// whether all is well.
func (t *table) summarize(w io.Writer, allowed skips) bool {
	passed, failed, skipped := 0, 0, 0
	reasons, ran := map[testName][]string{}, map[testName]bool{}
	fmt.Fprintln(w)
	for i, r := range t.reports {
		passed += len(r.withVerdict("pass"))
		for _, test := range r.withVerdict("fail") {
			failed++
			fmt.Fprintf(w, "FAIL %v on %s\n", test, t.kernels[i])
		}
		for test, o := range r.outcomes {
			ran[test] = ran[test] || o.verdict == "pass" || o.verdict == "fail"
			if o.verdict == "skip" {
				reasons[test] = append(reasons[test], o.reasons...)
			}
		}
		skipped += len(r.withVerdict("skip"))
	}
	var everywhere []testName
	for test := range reasons {
		if !ran[test] && test.Name != "" && allowed[test] == "" {
			everywhere = append(everywhere, test)
		}
	}
	for _, test := range sorted(everywhere) {
		failed++
		fmt.Fprintf(w, "FAIL %v: skipped on every kernel: %s\n", test, strings.Join(reasons[test], "; "))
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	return failed == 0
}
