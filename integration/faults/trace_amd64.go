package faults

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// syscallStop marks the stops of PTRACE_O_TRACESYSGOOD.
const syscallStop = unix.SIGTRAP | 0x80

// tracer follows a program and its descendants.
type tracer struct {
	fault Fault
	kinds map[uint64]callKind
	root  int
	// threads that are alive. A new one starts with a SIGSTOP that is ptrace's.
	threads map[int]bool
	// failing maps a thread to what the call that it is in shall return.
	failing map[int]syscall.Errno
	out     Outcome
}

// Run runs the program with the fault and waits for it and all its descendants.
// Namespaces and working directory are those of the calling thread, so a
// goroutine that means them must be locked to it.
func Run(p Program, f Fault) (Outcome, error) {
	runtime.LockOSThread() // ptrace(2): only the thread that traces may ask
	defer runtime.UnlockOSThread()
	t := &tracer{fault: f, kinds: callKinds(), threads: map[int]bool{}, failing: map[int]syscall.Errno{}}
	output, err := t.start(p)
	if err != nil {
		return Outcome{}, err
	}
	defer output.close()
	timeout := p.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	late := time.AfterFunc(timeout, func() { unix.Kill(-t.root, unix.SIGKILL) })
	err = t.follow()
	if !late.Stop() {
		err = errors.Join(err, fmt.Errorf("%s was killed after %v", p.Path, timeout))
	}
	if err != nil {
		unix.Kill(-t.root, unix.SIGKILL)
		return t.out, err
	}
	t.out.Stdout, err = output.read(1)
	if err == nil {
		t.out.Stderr, err = output.read(2)
	}
	return t.out, err
}

// start starts the program in a process group of its own, stopped at its first
// instruction.
func (t *tracer) start(p Program) (stdio, error) {
	files, err := newStdio(p.Stdin)
	if err != nil {
		return nil, err
	}
	t.root, err = syscall.ForkExec(p.Path, []string{p.Path}, &syscall.ProcAttr{
		Env:   p.Env,
		Files: files.fds(),
		Sys:   &syscall.SysProcAttr{Ptrace: true, Setpgid: true},
	})
	if err != nil {
		files.close()
		return nil, fmt.Errorf("start %s: %w", p.Path, err)
	}
	var status unix.WaitStatus
	if _, err := retry(func() (int, error) { return unix.Wait4(t.root, &status, 0, nil) }); err != nil {
		files.close()
		return nil, fmt.Errorf("wait for %s: %w", p.Path, err)
	}
	t.threads[t.root] = true
	options := unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACEEXEC |
		unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK
	err = unix.PtraceSetOptions(t.root, options)
	if err == nil {
		err = unix.PtraceSyscall(t.root, 0)
	}
	if err != nil {
		unix.Kill(t.root, unix.SIGKILL)
		files.close()
		return nil, fmt.Errorf("trace %s: %w", p.Path, err)
	}
	return files, nil
}

// follow handles stops until no traced thread is left.
func (t *tracer) follow() error {
	for {
		var status unix.WaitStatus
		// Only what this thread traces: other tests run beside this one.
		tid, err := retry(func() (int, error) { return unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil) })
		switch {
		case err == unix.ECHILD:
			return nil
		case err != nil:
			return fmt.Errorf("wait: %w", err)
		case status.Exited(), status.Signaled():
			delete(t.threads, tid)
			if tid == t.root {
				t.out.Status = syscall.WaitStatus(status)
			}
			continue
		}
		signal, err := t.stopped(tid, status)
		if err == nil {
			err = unix.PtraceSyscall(tid, int(signal))
		}
		// A thread that SIGKILL has hit is gone at any moment.
		if err != nil && err != unix.ESRCH {
			return fmt.Errorf("trace thread %d: %w", tid, err)
		}
	}
}

// stopped handles one stop and returns the signal to go on with.
func (t *tracer) stopped(tid int, status unix.WaitStatus) (syscall.Signal, error) {
	known := t.threads[tid]
	t.threads[tid] = true
	switch signal := status.StopSignal(); {
	case signal == syscallStop:
		return 0, t.syscall(tid)
	case signal == unix.SIGTRAP && status.TrapCause() > 0:
		return 0, nil
	case signal == unix.SIGSTOP && !known:
		return 0, nil
	default:
		return signal, nil
	}
}

// syscallInfo is the start of struct ptrace_syscall_info (ptrace(2), Linux 5.3).
type syscallInfo struct {
	op   uint8
	_    [3]byte
	arch uint32
	ip   uint64
	sp   uint64
	nr   uint64
	args [6]uint64
}

// Values of syscallInfo.op.
const (
	opEntry = 1
	opExit  = 2
)

// syscall handles the entry into a system call and the exit from it.
func (t *tracer) syscall(tid int) error {
	var info syscallInfo
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	switch {
	case errno == unix.EIO || errno == unix.EINVAL:
		return ErrUnsupported
	case errno != 0:
		return errno
	case info.op == opEntry:
		return t.enter(entry{tid, info.nr, info.args})
	case info.op == opExit:
		return t.exit(tid)
	}
	return nil
}

// enter counts the call and lets the fault happen if it is the N-th.
func (t *tracer) enter(e entry) error {
	kind, counts := t.kinds[e.nr]
	if !counts || t.out.Hit != nil {
		return nil
	}
	object := kind.object(e)
	if object == "" {
		return nil
	}
	process := e.process()
	if t.fault.Kind == KillChild && process == t.root {
		return nil
	}
	point := Point{len(t.out.Points) + 1, e.program(), kind.name + " " + object, kind.errno}
	t.out.Points = append(t.out.Points, point)
	if point.N != t.fault.N {
		return nil
	}
	t.out.Hit = &point
	switch t.fault.Kind {
	case Terminate:
		return unix.Kill(t.root, unix.SIGTERM)
	case Kill:
		return unix.Kill(t.root, unix.SIGKILL)
	case KillChild:
		return unix.Kill(process, unix.SIGKILL)
	default:
		t.failing[e.tid] = kind.errno
		return setRegisters(e.tid, func(r *unix.PtraceRegs) { r.Orig_rax = ^uint64(0) }) // no such call
	}
}

// exit sets the result of a call that must fail.
func (t *tracer) exit(tid int) error {
	errno, ok := t.failing[tid]
	if !ok {
		return nil
	}
	delete(t.failing, tid)
	return setRegisters(tid, func(r *unix.PtraceRegs) { r.Rax = -uint64(errno) })
}

func setRegisters(tid int, change func(*unix.PtraceRegs)) error {
	var registers unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &registers); err != nil {
		return err
	}
	change(&registers)
	return unix.PtraceSetRegs(tid, &registers)
}

// retry calls f again as long as a signal interrupts it.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != unix.EINTR {
			return n, err
		}
	}
}

// stdio is standard input, output and error of the program, as files in memory:
// with pipes somebody would have to read while the tracer waits.
type stdio []*os.File

func newStdio(input []byte) (stdio, error) {
	var files stdio
	for _, name := range []string{"stdin", "stdout", "stderr"} {
		fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
		if err != nil {
			files.close()
			return nil, fmt.Errorf("make file for %s: %w", name, err)
		}
		files = append(files, os.NewFile(uintptr(fd), filepath.Join("memory", name)))
	}
	if _, err := files[0].WriteAt(input, 0); err != nil {
		files.close()
		return nil, err
	}
	return files, nil
}

func (s stdio) fds() []uintptr {
	var fds []uintptr
	for _, f := range s {
		fds = append(fds, f.Fd())
	}
	return fds
}

func (s stdio) read(i int) ([]byte, error) {
	if _, err := s[i].Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(s[i])
}

func (s stdio) close() {
	for _, f := range s {
		f.Close()
	}
}
