package ipam

import (
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a plugin under way. It stands here in place of os/exec, which
// costs an ADD a fifth of its time: three goroutines with their threads to copy
// the streams, and the trial process by which it finds out about pidfds.
type process struct {
	pid    int
	stdin  *os.File // write end of a pipe
	stdout *os.File // read end of a pipe
	stderr *os.File // memory: nobody has to read it while the plugin runs

	mu    sync.Mutex
	ended bool
}

// exitError says that a process ended otherwise than with status 0.
type exitError struct{ syscall.WaitStatus }

func (e exitError) Error() string {
	if e.Signaled() {
		return fmt.Sprintf("signal: %v", e.Signal())
	}
	return fmt.Sprintf("exit status %d", e.ExitStatus())
}

// startProcess starts the program at path without arguments.
func startProcess(path string, env []string) (p *process, err error) {
	var stdin, stdout [2]int
	var opened []int
	defer func() {
		if err != nil {
			for _, fd := range opened {
				unix.Close(fd)
			}
		}
	}()
	if err := unix.Pipe2(stdin[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	opened = append(opened, stdin[:]...)
	if err := unix.Pipe2(stdout[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	opened = append(opened, stdout[:]...)
	stderr, err := unix.MemfdCreate("stderr", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a memory file: %w", err)
	}
	opened = append(opened, stderr)
	pid, err := syscall.ForkExec(path, []string{path}, &syscall.ProcAttr{
		Env: env, Files: []uintptr{uintptr(stdin[0]), uintptr(stdout[1]), uintptr(stderr)},
	})
	if err != nil {
		return nil, err
	}
	unix.Close(stdin[0])
	unix.Close(stdout[1])
	return &process{
		pid:    pid,
		stdin:  os.NewFile(uintptr(stdin[1]), "stdin"),
		stdout: os.NewFile(uintptr(stdout[0]), "stdout"),
		stderr: os.NewFile(uintptr(stderr), "stderr"),
	}, nil
}

// send writes all of the input. A plugin may succeed without reading its
// configuration: that the pipe is broken then says nothing.
func (p *process) send(input []byte) {
	p.stdin.Write(input)
	p.stdin.Close()
}

// receive reads all output and waits for the end, which is an exitError unless it is
// exit status 0.
func (p *process) receive() (stdout, stderr []byte, err error) {
	stdout, err = io.ReadAll(p.stdout)
	p.stdout.Close()
	status, waitErr := p.wait()
	p.stderr.Seek(0, io.SeekStart)
	stderr, _ = io.ReadAll(p.stderr)
	p.stderr.Close()
	switch {
	case waitErr != nil:
		err = waitErr
	case status != 0:
		err = exitError{status}
	}
	return stdout, stderr, err
}

// wait gives the pid back to the kernel, from when on it may be another
// process's, only while nobody is sending a signal to it.
func (p *process) wait() (syscall.WaitStatus, error) {
	err := retry(func() error { return unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil) })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	var status syscall.WaitStatus
	if err == nil {
		err = retry(func() error { _, err := syscall.Wait4(p.pid, &status, 0, nil); return err })
	}
	return status, os.NewSyscallError("wait", err)
}

func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// signal sends a signal to the process unless it has ended.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		syscall.Kill(p.pid, s)
	}
}

// terminate asks the process to end, and after the given time makes it.
func (p *process) terminate(patience time.Duration) {
	p.signal(syscall.SIGTERM)
	time.AfterFunc(patience, func() { p.signal(syscall.SIGKILL) })
}

// discard ends a process that has not got its input.
func (p *process) discard() {
	p.signal(syscall.SIGKILL)
	p.wait()
	p.stdin.Close()
	p.stdout.Close()
	p.stderr.Close()
}
