// Package faults runs a program and lets one system call go wrong: the N-th of
// those in which the state of a host changes hands. The program needs no hooks:
// it is traced with ptrace(2), with all its threads and child processes.
//
// Walk calls a test with N = 1, 2, 3 … until the program ends before the N-th
// call, so that each step fails once, or with a sample of those.
package faults

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ErrUnsupported says that the kernel cannot trace system calls, or that this
// package cannot on this architecture.
var ErrUnsupported = errors.New("kernel lacks ptrace of system calls")

// Kind is what happens at the N-th call.
type Kind int

const (
	// Fail lets the call fail without having run, with the errno that it would
	// have on a host in trouble: no space, no memory, no file descriptors.
	Fail Kind = iota
	// Terminate sends SIGTERM to the program, which the call then precedes.
	Terminate
	// Kill sends SIGKILL to the program. A child in the middle of the call
	// goes on alone.
	Kill
	// KillChild sends SIGKILL to the process whose call it is, if that is a
	// child of the program. Calls of the program itself do not count.
	KillChild
)

func (k Kind) String() string {
	return [...]string{"fail", "terminate", "kill", "kill child"}[k]
}

// Fault is what goes wrong, and where.
type Fault struct {
	Kind Kind
	// N is the number of the call, from 1. Nothing goes wrong at 0.
	N int
	// Own means that calls of children do not count. They run at full speed, which
	// matters under User-mode Linux.
	Own bool
	// Errno is what the call fails with. Only calls that may fail so count. Default: what
	// each fails with most likely, whatever that is.
	Errno syscall.Errno
}

// Errnos are the values of Errno that some call fails with.
var Errnos = []syscall.Errno{unix.ENOBUFS, unix.EINTR, unix.EBUSY, unix.ENOSPC, unix.EIO, unix.ENOMEM, unix.EAGAIN, unix.EROFS, unix.EACCES}

// Variable names the environment variable that has Walk take every call, where it is "all".
const Variable = "CNI_TEST_FAULTS"

// All reports whether every call of a walk is taken, and not one in some.
func All() bool { return os.Getenv(Variable) == "all" }

func (f Fault) String() string {
	if f.Errno == 0 {
		return f.Kind.String()
	}
	return f.Kind.String() + " " + unix.ErrnoName(f.Errno)
}

// Point is the call at which a fault happened.
type Point struct {
	// N is the number of the call, from 1.
	N int
	// Process is the base name of the program that made the call.
	Process string
	// Call is the system call with its object.
	Call string
	// Errno is what it fails with in a fault of kind Fail.
	Errno syscall.Errno
}

func (p *Point) String() string {
	return fmt.Sprintf("call %d, %s: %s (%v)", p.N, p.Process, p.Call, p.Errno)
}

// Program is what to run.
type Program struct {
	// Path of the executable, absolute.
	Path string
	// Args are its arguments, without its name.
	Args []string
	// Env is the whole environment, "NAME=value".
	Env []string
	// Stdin is all of standard input.
	Stdin []byte
	// Timeout after which the program and its children are killed, and Run
	// returns an error. Default: 30 seconds.
	Timeout time.Duration
}

// Outcome is how the program ended.
type Outcome struct {
	Stdout, Stderr []byte
	Status         syscall.WaitStatus
	// Points are the calls that count, up to and with the one at which the
	// fault happened; after that there are none.
	Points []Point
	// Answers is how many datagrams each program, by its base name, has got over
	// netlink. They are counted only if nothing shall go wrong.
	Answers map[string]int
	// Memory is what the processes have taken. Only Measure tells.
	Memory Memory
	// Hit is where the fault happened, nil if the program ended before.
	Hit *Point
}

// Memory is in bytes, as VmHWM of proc_pid_status(5), which has pages of files that others may
// share.
type Memory struct {
	// Largest is what the largest of the processes has had at most.
	Largest int64
	// Together is what those that were there at once have had at most, each by itself: no
	// less than what they had at one time.
	Together int64
}

// Max takes the larger one of each.
func (m Memory) Max(other Memory) Memory {
	return Memory{max(m.Largest, other.Largest), max(m.Together, other.Together)}
}

// stride is which part of the calls a walk takes that is a sample. As a prime it is unlikely
// to keep pace with what a program does again and again.
const stride = 7

// Walk calls step with the fault at the first call, the second and so on, until
// step returns nil for the point where the fault happened. It returns how many
// there were. Without All it takes a sample of the calls: other ones for another kind.
func Walk(t *testing.T, f Fault, step func(Fault) *Point) int {
	t.Helper()
	by := stride
	if All() {
		by = 1
	}
	count := 0
	for f.N = 1 + 2*int(f.Kind)%by; step(f) != nil; f.N += by {
		if count++; All() && count%8 == 0 {
			t.Logf("%d faults", count) // whoever waits for a guest takes silence for its end
		}
	}
	return count
}
