package node

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a service that runs on a node until the test ends.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu    sync.Mutex
	lines []string
	// more is closed, and replaced, when there are more lines.
	more chan struct{}
}

// Start starts a command inside the node.
func (n *Node) Start(t testing.TB, name string, args ...string) *Process {
	t.Helper()
	return n.StartWith(t, nil, name, args...)
}

// StartWith starts a command inside the node that has files open, from number 3
// on.
func (n *Node) StartWith(t testing.TB, files []*os.File, name string, args ...string) *Process {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{cmd: exec.Command(name, args...), done: make(chan struct{}), more: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.ExtraFiles = writer, writer, files
	err = n.Do(p.cmd.Start)
	writer.Close()
	if err != nil {
		t.Fatalf("start %v: %v", p.cmd.Args, err)
	}
	go p.read(reader)
	t.Cleanup(func() { p.Stop(syscall.SIGKILL) })
	return p
}

// Start starts a command inside the container.
func (c *Container) Start(t testing.TB, name string, args ...string) *Process {
	t.Helper()
	return c.node.Start(t, "nsenter", append([]string{"--net=" + c.Path, name}, args...)...)
}

func (p *Process) read(output io.ReadCloser) {
	defer close(p.done)
	defer output.Close()
	for lines := bufio.NewScanner(output); lines.Scan(); {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
	p.cmd.Wait()
}

// Pid is the process's number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Output returns what the process has printed.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// Count returns how many of the lines that the process has printed contain text.
func (p *Process) Count(text string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count(text)
}

func (p *Process) count(text string) int {
	count := 0
	for _, line := range p.lines {
		if strings.Contains(line, text) {
			count++
		}
	}
	return count
}

// Await waits until the process has printed the given number of lines that
// contain text. It ends the test if that takes longer than limit.
func (p *Process) Await(t testing.TB, text string, times int, limit time.Duration) {
	t.Helper()
	timeout := time.After(limit)
	for {
		p.mu.Lock()
		count, more := p.count(text), p.more
		p.mu.Unlock()
		if count >= times {
			return
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("%v has not printed %q %d times within %v:\n%s", p.cmd.Args, text, times, limit, p.Output())
		case <-p.done:
			if p.Count(text) < times {
				t.Fatalf("%v ended:\n%s", p.cmd.Args, p.Output())
			}
		}
	}
}

// Stop sends a signal to the process and waits for its end. One that has ended
// may be stopped.
func (p *Process) Stop(signal syscall.Signal) {
	p.cmd.Process.Signal(signal)
	<-p.done
}

// Wait waits for the end of the process and returns its exit status.
func (p *Process) Wait() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends a signal to the process.
func (p *Process) Signal(signal syscall.Signal) { p.cmd.Process.Signal(signal) }
