package faults

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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
	// measures means that nothing but memory is looked at: system calls go by.
	measures bool
	// borrowing are processes that have their parent's memory: vfork(2) made them, and they
	// have not executed anything yet. They are known only to one that measures.
	borrowing map[int]bool
	kinds     map[uint64][]callKind
	root      int
	// threads that are alive, each with its process. A new one starts with a SIGSTOP
	// that is ptrace's.
	threads map[int]int
	// calling are the threads that are in a system call.
	calling map[int]bool
	// receiving are those that wait for what the kernel answers over netlink.
	receiving map[int]bool
	// failing maps a thread to what the call that it is in shall return.
	failing map[int]syscall.Errno
	out     Outcome
}

// Run runs the program with the fault and waits for it and all its descendants.
// Namespaces and working directory are those of the calling thread, so a
// goroutine that means them must be locked to it.
func Run(p Program, f Fault) (Outcome, error) {
	return (&tracer{fault: f, kinds: callKinds()}).run(p)
}

// Measure runs the program as Run does, at full speed, and measures its memory.
func Measure(p Program) (Outcome, error) {
	return (&tracer{measures: true, borrowing: map[int]bool{}}).run(p)
}

func (t *tracer) run(p Program) (Outcome, error) {
	runtime.LockOSThread() // ptrace(2): only the thread that traces may ask
	defer runtime.UnlockOSThread()
	t.threads, t.calling, t.receiving, t.failing = map[int]int{}, map[int]bool{}, map[int]bool{}, map[int]syscall.Errno{}
	t.out.Answers = map[string]int{}
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
		err = errors.Join(err, fmt.Errorf("%s was killed after %v, behind %v", p.Path, timeout, t.out.Hit))
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
	t.root, err = syscall.ForkExec(p.Path, append([]string{p.Path}, p.Args...), &syscall.ProcAttr{
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
	t.threads[t.root] = t.root
	options := unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACEEXEC |
		unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK
	if t.measures {
		options |= unix.PTRACE_O_TRACEEXIT
	}
	err = unix.PtraceSetOptions(t.root, options)
	if err == nil {
		err = t.resume(t.root, 0)
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
			delete(t.calling, tid)
			if tid == t.root {
				t.out.Status = syscall.WaitStatus(status)
			}
			continue
		}
		signal, err := t.stopped(tid, status)
		if err == nil {
			err = t.resume(tid, signal)
		}
		// A thread that SIGKILL has hit is gone at any moment.
		if err != nil && err != unix.ESRCH {
			return fmt.Errorf("trace thread %d: %w", tid, err)
		}
	}
}

// resume lets a thread go on. Once the fault has happened, and nothing is left to
// fail, it does so at full speed: each stop costs more than most system calls.
func (t *tracer) resume(tid int, signal syscall.Signal) error {
	if t.measures || t.out.Hit != nil && len(t.failing) == 0 || t.fault.Own && t.threads[tid] != t.root {
		return unix.PtraceCont(tid, int(signal))
	}
	return unix.PtraceSyscall(tid, int(signal))
}

// stopped handles one stop and returns the signal to go on with.
func (t *tracer) stopped(tid int, status unix.WaitStatus) (syscall.Signal, error) {
	_, known := t.threads[tid]
	if !known {
		t.threads[tid] = entry{tid: tid}.process()
	}
	switch signal := status.StopSignal(); {
	case signal == syscallStop:
		return 0, t.syscall(tid)
	case signal == unix.SIGTRAP && status.TrapCause() > 0 && t.measures:
		return 0, t.measure(tid, status.TrapCause())
	case signal == unix.SIGTRAP && status.TrapCause() > 0:
		return 0, nil
	case signal == unix.SIGSTOP && !known:
		return 0, nil
	default:
		return signal, nil
	}
}

// measure follows who has memory of his own, and looks at that of all when one is about to end.
// (What wait4(2) tells is no less than what the parent has, for those that vfork(2) made.)
func (t *tracer) measure(tid, event int) error {
	switch event {
	case unix.PTRACE_EVENT_VFORK:
		child, err := unix.PtraceGetEventMsg(tid)
		t.borrowing[int(child)] = true
		return err
	case unix.PTRACE_EVENT_EXEC:
		delete(t.borrowing, tid)
	case unix.PTRACE_EVENT_EXIT:
		return t.measureAll()
	}
	return nil
}

func (t *tracer) measureAll() error {
	now, seen := Memory{}, maps.Clone(t.borrowing)
	for _, process := range t.threads {
		if seen[process] {
			continue
		}
		seen[process] = true
		peak, err := peakOf(process)
		if err != nil {
			return err
		}
		now.Largest, now.Together = max(now.Largest, peak), now.Together+peak
	}
	t.out.Memory = t.out.Memory.Max(now)
	return nil
}

// peakOf returns the bytes that a process has had in memory at most, 0 if it is ending.
func peakOf(process int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	_, value, ok := strings.Cut(string(status), "\nVmHWM:")
	if !ok {
		return 0, nil
	}
	var kilobytes int64
	_, err = fmt.Sscanf(value, "%d kB", &kilobytes)
	return kilobytes * 1024, err
}

// syscall handles the entry into a system call and the exit from it, which
// alternate. (PTRACE_GET_SYSCALL_INFO would tell which it is, but User-mode Linux
// lacks it.)
func (t *tracer) syscall(tid int) error {
	if t.calling[tid] {
		delete(t.calling, tid)
		return t.exit(tid)
	}
	t.calling[tid] = true
	nr, err := getRegister(tid, numberRegister)
	if err != nil {
		return err
	}
	kinds, receives := t.kinds[nr], t.fault.N == 0 && (nr == unix.SYS_RECVFROM || nr == unix.SYS_RECVMSG)
	if len(kinds) == 0 && !receives || t.out.Hit != nil {
		return nil
	}
	e := entry{tid: tid, nr: nr}
	for i, register := range argumentRegisters {
		if e.args[i], err = getRegister(tid, register); err != nil {
			return err
		}
	}
	if receives && e.domain() == unix.AF_NETLINK && !e.peeks() {
		t.receiving[tid] = true
	}
	for _, kind := range kinds {
		if object := kind.object(e); object != "" {
			return t.enter(e, kind, object)
		}
	}
	return nil
}

// enter counts the call and lets the fault happen if it is the N-th.
func (t *tracer) enter(e entry, kind callKind, object string) error {
	process := t.threads[e.tid]
	if t.fault.Kind == KillChild && process == t.root {
		return nil
	}
	errno := kind.errnos[0]
	if t.fault.Errno != 0 {
		if errno = t.fault.Errno; !slices.Contains(kind.errnos, errno) {
			return nil
		}
	}
	point := Point{len(t.out.Points) + 1, e.program(), kind.name + " " + object, errno}
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
		t.failing[e.tid] = errno
		return setRegister(e.tid, numberRegister, ^uint64(0)) // no such call
	}
}

// exit sets the result of a call that must fail, and counts one that got something.
func (t *tracer) exit(tid int) error {
	if t.receiving[tid] {
		delete(t.receiving, tid)
		length, err := getRegister(tid, resultRegister)
		if int64(length) > 0 {
			t.out.Answers[entry{tid: tid}.program()]++
		}
		return err
	}
	errno, ok := t.failing[tid]
	if !ok {
		return nil
	}
	delete(t.failing, tid)
	return setRegister(tid, resultRegister, -uint64(errno))
}

// Registers by their offset in struct user_regs_struct. They are read and written
// one by one: User-mode Linux lacks PTRACE_GETREGS.
const (
	numberRegister = unsafe.Offsetof(unix.PtraceRegs{}.Orig_rax)
	resultRegister = unsafe.Offsetof(unix.PtraceRegs{}.Rax)
)

var argumentRegisters = [...]uintptr{
	unsafe.Offsetof(unix.PtraceRegs{}.Rdi),
	unsafe.Offsetof(unix.PtraceRegs{}.Rsi),
	unsafe.Offsetof(unix.PtraceRegs{}.Rdx),
	unsafe.Offsetof(unix.PtraceRegs{}.R10),
	unsafe.Offsetof(unix.PtraceRegs{}.R8),
	unsafe.Offsetof(unix.PtraceRegs{}.R9),
}

func getRegister(tid int, register uintptr) (uint64, error) {
	var value [8]byte
	_, err := unix.PtracePeekUser(tid, register, value[:])
	return binary.NativeEndian.Uint64(value[:]), err
}

func setRegister(tid int, register uintptr, value uint64) error {
	_, err := unix.PtracePokeUser(tid, register, binary.NativeEndian.AppendUint64(nil, value))
	return err
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
