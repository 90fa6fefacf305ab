// Testrun runs the tests of the module on every kernel they need. Tests run on the
// machine's kernel first; those that skip there with a reason that begins with "kernel
// lacks " run again under User-mode Linux. A test that ran on neither counts as failed,
// unless the list of allowed skips names it. So does a change that the tests made to the
// machine's own network.
//
//	testrun -work DIR -skips FILE -also "DIR ARGUMENT..." -run REGEXP -limit DURATION -parallel N PACKAGE...
//	testrun -work DIR -skips FILE -kernels REGEXP -without FILE -run REGEXP -limit DURATION PACKAGE...
//
// With -also, which may be there several times, it runs `go test` with the arguments in
// another module's folder as well, on the machine's kernel alone.
//
// With -kernels it runs the same tests on each kernel there is, and prints tables of results and
// of what the kernels can.
//
// It runs in the top folder of the module. The last line of its output reads "N passed,
// N failed, N skipped"; the exit status is 1 if anything failed.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	work := flag.String("work", os.TempDir(), "directory for the test binaries")
	skips := flag.String("skips", "scripts/allowed-skips", "list of the tests that may skip everywhere")
	var tests selection
	flag.StringVar(&tests.pattern, "run", "", "regular expression of the tests to run, as for go test")
	flag.DurationVar(&tests.limit, "limit", 40*time.Minute, "how long the tests of a package, or a guest, may take on an idle machine")
	flag.IntVar(&tests.perProcessor, "parallel", testsPerProcessor, "how many tests of a package run beside each other on this machine, for each processor")
	var also [][]string
	flag.Func("also", "folder of another module, and the arguments of go test there", func(value string) error {
		also = append(also, strings.Fields(value))
		return nil
	})
	kernels := flag.String("kernels", "", "regular expression of the kernels to run the tests on, by their names, instead")
	without := flag.String("without", "scripts/kernels-without", "with -kernels, list of the tests that do not run")
	flag.Parse()
	var ok bool
	var err error
	if *kernels == "" {
		ok, err = run(*work, *skips, flag.Args(), tests, also)
	} else {
		var k *kernelRun
		if k, err = newKernelRun(*kernels, *without, *skips); err == nil {
			k.tests, k.work = tests, *work
			ok, err = k.run(flag.Args())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testrun:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// selection is which tests to run, for how long at most, and how many beside each other.
type selection struct {
	pattern      string
	limit        time.Duration
	perProcessor int
}

// run reports whether all tests passed.
func run(work, skips string, packages []string, tests selection, also [][]string) (bool, error) {
	allowed, err := readSkips(skips)
	if err != nil {
		return false, err
	}
	before, err := readMachine()
	if err != nil {
		return false, err
	}
	s, err := calibrate()
	if err != nil {
		return false, err
	}
	tests.limit = s.limit(tests.limit)
	r := newReport(os.Stdout)
	if isTerminal(os.Stderr) {
		defer watch(r, os.Stderr)()
	}
	if err := runOnHost(r, packages, tests); err != nil {
		return false, err
	}
	for _, module := range also {
		if err := runIn(module[0], r, module[1:]); err != nil {
			return false, err
		}
	}
	if again := r.lacking(); len(again) > 0 {
		fmt.Printf("\nUser-mode Linux, %d tests: of drivers that this kernel lacks, and on a machine that others have changed\n", len(again))
		if err := runAgain(r, again, work, tests.limit); err != nil {
			fmt.Fprintln(os.Stderr, "testrun:", err)
		}
	}
	after, err := readMachine()
	if err != nil {
		return false, err
	}
	before.compare(after, r)
	return r.summarize(allowed), nil
}

// testsPerProcessor is how many tests of a package run beside each other: most of the
// time they wait for the kernel, for a grace period of RCU above all.
const testsPerProcessor = 4

// runOnHost runs every test of the packages. The tests look at the kernel, which the
// test cache does not know about, so nothing is taken from there.
func runOnHost(r *report, packages []string, tests selection) error {
	if len(packages) == 0 {
		return nil
	}
	parallel := fmt.Sprintf("-parallel=%d", tests.perProcessor*runtime.NumCPU())
	args := append([]string{"test", "-json", "-count=1", "-timeout=" + tests.limit.String(), "-run=" + tests.pattern, parallel}, packages...)
	return readFrom(exec.Command("go", args...), r)
}

// runIn runs tests of another module, one package after the other.
func runIn(folder string, r *report, args []string) error {
	cmd := exec.Command("go", append([]string{"test", "-json", "-count=1", "-timeout=6h", "-p=1"}, args...)...)
	cmd.Dir = folder
	return readFrom(cmd, r)
}

// readFrom runs cmd and reads its standard output into the report. That the command
// fails is no error: the events say what failed, and so does what is missing.
func readFrom(cmd *exec.Cmd, r *report) error { return readWithin(cmd, r, 0) }

// readWithin is readFrom, and terminates a command that prints nothing for so long, unless that
// is 0. Tests of such a one that have not ended do not fail.
func readWithin(cmd *exec.Cmd, r *report, patience time.Duration) error {
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var silent atomic.Bool
	heard := hearing{stdout, func() {}}
	if patience > 0 {
		timer := time.AfterFunc(patience, func() {
			silent.Store(true)
			_ = cmd.Process.Signal(syscall.SIGTERM)
		})
		defer timer.Stop()
		heard.hear = func() { timer.Reset(patience) }
	}
	if err := r.read(heard, silent.Load); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, stdout)
	err = cmd.Wait()
	switch {
	case silent.Load():
		return fmt.Errorf("%q printed nothing for %v", cmd.Args[0], patience)
	case err != nil && r.failures() == 0:
		return fmt.Errorf("run %q: %w", cmd.Args[0], err)
	}
	return nil
}

// hearing calls hear whenever something was read.
type hearing struct {
	io.Reader
	hear func()
}

func (h hearing) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.hear()
	}
	return n, err
}
