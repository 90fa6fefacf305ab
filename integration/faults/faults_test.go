package faults_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/faults"
)

func run(t *testing.T, p faults.Program, f faults.Fault) faults.Outcome {
	t.Helper()
	out, err := faults.Run(p, f)
	if errors.Is(err, faults.ErrUnsupported) {
		t.Skip(faults.ErrUnsupported)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func shell(t *testing.T, dir string) faults.Program {
	t.Helper()
	path, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	return faults.Program{Path: path, Env: []string{"PATH=" + os.Getenv("PATH"), "D=" + dir}}
}

func TestUndisturbed(t *testing.T) {
	t.Parallel()
	p := shell(t, t.TempDir())
	p.Stdin = []byte("cat >$D/file <<!\nx\n!\necho out; echo err >&2; exit 3\n")
	out := run(t, p, faults.Fault{})
	if out.Status.ExitStatus() != 3 || string(out.Stdout) != "out\n" || string(out.Stderr) != "err\n" || out.Hit != nil {
		t.Errorf("status %d, stdout %q, stderr %q, hit %v", out.Status.ExitStatus(), out.Stdout, out.Stderr, out.Hit)
	}
	var calls []string
	for _, p := range out.Points {
		calls = append(calls, p.String())
	}
	if all := strings.Join(calls, "\n"); !strings.Contains(all, "/file") || !strings.Contains(all, "cat: write standard output") {
		t.Errorf("calls of the shell's child are missing:\n%s", all)
	}
}

// Each fault in a row of steps must stop the row at its step.
func TestWalkFail(t *testing.T) {
	t.Setenv(faults.Variable, "all")
	reached := make(map[string]bool)
	count := faults.Walk(t, faults.Fault{Kind: faults.Fail}, func(f faults.Fault) *faults.Point {
		dir := t.TempDir()
		p := shell(t, dir)
		p.Stdin = []byte("set -e; mkdir $D/1; mkdir $D/2; rmdir $D/1; echo done\n")
		out := run(t, p, f)
		if done := string(out.Stdout) == "done\n"; done != (out.Status == 0) {
			t.Errorf("%v: status %v, stdout %q", out.Hit, out.Status, out.Stdout)
		}
		_, first := os.Stat(filepath.Join(dir, "1"))
		_, second := os.Stat(filepath.Join(dir, "2"))
		if out.Hit == nil && (first == nil || second != nil) {
			t.Errorf("no fault, but the steps did not all happen")
		}
		if out.Hit != nil && strings.HasSuffix(out.Hit.Call, dir+"/2") && second == nil {
			t.Errorf("%v: made it all the same", out.Hit)
		}
		if out.Hit != nil {
			reached[strings.Fields(out.Hit.Call)[0]] = true
		}
		return out.Hit
	})
	for _, call := range []string{"write", "openat"} {
		if !reached[call] {
			t.Errorf("no %s among the %d faults: %v", call, count, reached)
		}
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	for kind, want := range map[faults.Kind]unix.Signal{faults.Kill: unix.SIGKILL, faults.Terminate: unix.SIGTERM} {
		p := shell(t, t.TempDir())
		p.Stdin = []byte("echo 1; echo 2; exec sleep 60\n")
		first := run(t, faults.Program{Path: p.Path, Env: p.Env, Stdin: []byte("echo 1\n")}, faults.Fault{})
		n := len(first.Points) // the call that writes "1"
		out := run(t, p, faults.Fault{Kind: kind, N: n})
		if out.Status.Signal() != want || strings.Contains(string(out.Stdout), "2") {
			t.Errorf("%v at %v: status %#x, stdout %q", kind, out.Hit, out.Status, out.Stdout)
		}
	}
}

// The victim is the child, and its parent goes on.
func TestKillChild(t *testing.T) {
	t.Parallel()
	p := shell(t, t.TempDir())
	p.Stdin = []byte("(echo child; exec sleep 60); echo $?\n")
	out := run(t, p, faults.Fault{Kind: faults.KillChild, N: 1})
	if string(out.Stdout) != "137\n" {
		t.Errorf("stdout %q, hit %v", out.Stdout, out.Hit)
	}
}

// What children do does not count, and is done all the same.
func TestOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := shell(t, dir)
	p.Stdin = []byte("mkdir $D/child; (echo child >$D/file); cat $D/file; echo own\n")
	out := run(t, p, faults.Fault{Own: true})
	if string(out.Stdout) != "child\nown\n" {
		t.Errorf("status %v, stdout %q", out.Status, out.Stdout)
	}
	var calls []string
	for _, point := range out.Points {
		calls = append(calls, point.Call)
	}
	own := slices.DeleteFunc(slices.Clone(calls), func(call string) bool { return strings.HasPrefix(call, "openat /") && !strings.Contains(call, dir) })
	if want := []string{"clone new process", "write standard output"}; !slices.Equal(own, want) {
		t.Errorf("calls: %q", calls)
	}
}

// A call fails with what it is asked to, if that is something it fails with.
func TestErrno(t *testing.T) {
	t.Setenv(faults.Variable, "all")
	for errno, want := range map[syscall.Errno]string{unix.EROFS: "Read-only file system", unix.EMFILE: "Too many open files", unix.ENOSPC: "No space left"} {
		said := ""
		count := faults.Walk(t, faults.Fault{Errno: errno}, func(f faults.Fault) *faults.Point {
			p := shell(t, t.TempDir())
			p.Stdin = []byte("echo >$D/1\n")
			out := run(t, p, f)
			said += string(out.Stderr)
			return out.Hit
		})
		if !strings.Contains(said, want) || count == 0 {
			t.Errorf("%d calls failed with %v: %s", count, errno, said)
		}
	}
}

// A sample is of all that a program does.
func TestWalkSample(t *testing.T) {
	t.Setenv(faults.Variable, "")
	calls := map[int]bool{}
	for kind := range faults.KillChild + 1 {
		faults.Walk(t, faults.Fault{Kind: kind}, func(f faults.Fault) *faults.Point {
			if calls[f.N] = true; f.N > 70 {
				return nil
			}
			return &faults.Point{N: f.N}
		})
	}
	if len(calls) < 40 {
		t.Errorf("only %d of 70 calls go wrong in some way", len(calls))
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	p := shell(t, t.TempDir())
	p.Stdin, p.Timeout = []byte("sleep 60\n"), 1
	if _, err := faults.Run(p, faults.Fault{}); err == nil {
		t.Error("no error")
	}
}

// The memory is that of the largest process, also of one that ends before others, and of all
// that were there with it.
func TestMeasure(t *testing.T) {
	t.Parallel()
	for stdin, bounds := range map[string][2]int64{
		"/bin/true; true\n": {1 << 19, 10 << 20},
		"head -c 20M /dev/zero | tail -c 20M >/dev/null; true\n": {20 << 20, 80 << 20},
	} {
		p := shell(t, t.TempDir())
		p.Stdin = []byte(stdin)
		out, err := faults.Measure(p)
		if errors.Is(err, faults.ErrUnsupported) {
			t.Skip(err)
		}
		m := out.Memory
		if err != nil || m.Largest < bounds[0] || m.Largest > bounds[1] || m.Together < m.Largest+bounds[0]/20 {
			t.Errorf("%q takes %+v: %v", stdin, m, err)
		}
	}
}
