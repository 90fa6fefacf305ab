package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/integration/faults"
)

// Call is what a runtime passes to a plugin (CNI specification, section 2). A
// variable whose field is empty is absent from the environment.
type Call struct {
	// Plugin is the path of the binary, from the directory that Bin returns. Its
	// own directory is CNI_PATH.
	Plugin      string
	Config      string
	ContainerID string
	Netns       string
	IfName      string
	Args        string
	// Command is an argument for the plugin, for those that are called without a
	// verb.
	Command string
	// Env has further variables, "NAME=value", which come last.
	Env []string
	// Credential is the user who calls. Default: the one of the test.
	Credential *syscall.Credential
	// Patience is after what time the caller kills the plugin, but not what that has
	// started, as libcni does whose context ends. Default: never.
	Patience time.Duration
}

// With returns the call with a top-level key of its configuration set to raw
// JSON, as a runtime inserts prevResult, or without the key if value is nil. It
// panics if the configuration is not an object.
func (c Call) With(key string, value []byte) Call {
	var config map[string]json.RawMessage
	err := json.Unmarshal([]byte(c.Config), &config)
	if err == nil {
		config[key] = value
		if value == nil {
			delete(config, key)
		}
		var raw []byte
		raw, err = json.Marshal(config)
		c.Config = string(raw)
	}
	if err != nil {
		panic(fmt.Sprintf("set %s of %s: %v", key, c.Config, err))
	}
	return c
}

// environ is the whole environment of the plugin.
func (c Call) environ(command, path string) []string {
	var env []string
	// Of a variable that is there twice, programs take one or the other.
	if !slices.ContainsFunc(c.Env, func(v string) bool { return strings.HasPrefix(v, "PATH=") }) {
		env = append(env, "PATH="+os.Getenv("PATH"))
	}
	for _, v := range [][2]string{
		{"CNI_COMMAND", command},
		{"CNI_CONTAINERID", c.ContainerID},
		{"CNI_NETNS", c.Netns},
		{"CNI_IFNAME", c.IfName},
		{"CNI_ARGS", c.Args},
		{"CNI_PATH", path},
	} {
		if v[1] != "" {
			env = append(env, v[0]+"="+v[1])
		}
	}
	return slices.Concat(env, c.Env)
}

// Outcome is what a plugin answered.
type Outcome struct {
	Stdout, Stderr []byte
	Status         syscall.WaitStatus
}

// Err returns nil if the plugin succeeded, and otherwise the error object that
// it printed. If it did not print exactly one, the error says what it did.
func (o Outcome) Err() error {
	switch {
	case o.Status == 0:
		return nil
	case o.Status.Signaled():
		return fmt.Errorf("killed by %v, stdout %q, stderr %q", o.Status.Signal(), o.Stdout, o.Stderr)
	case o.Status.ExitStatus() != 1:
		return fmt.Errorf("exit status %d, stdout %q, stderr %q", o.Status.ExitStatus(), o.Stdout, o.Stderr)
	}
	var printed types.Error
	decoder := json.NewDecoder(bytes.NewReader(o.Stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&printed); err != nil {
		return fmt.Errorf("exit status 1 without an error object: %w: stdout %q, stderr %q", err, o.Stdout, o.Stderr)
	}
	if rest := strings.TrimSpace(string(o.Stdout[decoder.InputOffset():])); rest != "" {
		return fmt.Errorf("more behind the error object: %q", o.Stdout)
	}
	if printed.Msg == "" {
		return fmt.Errorf("error object without a message: %q", o.Stdout)
	}
	return &printed
}

// IsError reports whether err is an error object of a plugin, and thus a proper
// failure.
func IsError(err error) bool {
	var printed *types.Error
	return errors.As(err, &printed)
}

// Run calls the plugin's binary with a command: "ADD", "CHECK", "DEL", "GC" or
// "STATUS". Any goroutine may call it.
func (n *Node) Run(t testing.TB, command string, c Call) Outcome {
	t.Helper()
	ctx := context.Background()
	if c.Patience != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Patience)
		defer cancel()
	}
	return n.RunUntil(ctx, t, command, c)
}

// RunUntil is Run of a plugin that is killed when the context is done.
func (n *Node) RunUntil(ctx context.Context, t testing.TB, command string, c Call) Outcome {
	t.Helper()
	bin, err := Bin()
	if err != nil {
		t.Error(err)
		return Outcome{Status: 255 << 8}
	}
	var stdout, stderr bytes.Buffer
	path := filepath.Join(bin, c.Plugin)
	cmd := exec.CommandContext(ctx, path, strings.Fields(c.Command)...)
	cmd.Env = c.environ(command, filepath.Dir(path))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.Credential}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(c.Config), &stdout, &stderr
	err = n.Do(cmd.Run)
	if cmd.ProcessState == nil && ctx.Err() != nil {
		return Outcome{Status: syscall.WaitStatus(syscall.SIGKILL)} // even before its start
	}
	if err != nil && cmd.ProcessState == nil {
		t.Errorf("run %s: %v", c.Plugin, err)
		return Outcome{Status: 255 << 8}
	}
	return Outcome{stdout.Bytes(), stderr.Bytes(), cmd.ProcessState.Sys().(syscall.WaitStatus)}
}

// Must calls the plugin's binary and ends the test if it does not succeed. It
// returns standard output.
func (n *Node) Must(t testing.TB, command string, c Call) []byte {
	t.Helper()
	out := n.Run(t, command, c)
	if err := out.Err(); err != nil {
		t.Fatalf("%s %s: %v", c.Plugin, command, err)
	}
	return out.Stdout
}

// Disturb calls the plugin's binary with a fault and returns also the point at
// which it happened, nil if the plugin had ended before. It skips the test where
// there is no way to make faults.
func (n *Node) Disturb(t testing.TB, command string, c Call, fault faults.Fault) (Outcome, *faults.Point) {
	t.Helper()
	out := n.trace(t, command, c, fault)
	return Outcome{out.Stdout, out.Stderr, out.Status}, out.Hit
}

// Programs makes a call, which must succeed, and returns the paths of all programs
// that were executed for it beside the plugin, but for modprobe, which iptables' legacy
// variant starts once after a boot. It skips the test where processes cannot be traced.
func (n *Node) Programs(t testing.TB, command string, c Call) []string {
	t.Helper()
	_, out := n.mustTrace(t, command, c)
	return programs(out)
}

func programs(out faults.Outcome) []string {
	var programs []string
	for _, p := range out.Points {
		if path, ok := strings.CutPrefix(p.Call, "execve "); ok && filepath.Base(path) != "modprobe" {
			programs = append(programs, path)
		}
	}
	return programs
}

// Cost is what a call asks of others.
type Cost struct {
	// Programs is how many are executed beside the plugin.
	Programs int
	// Messages is how often the plugin sends something over netlink, or asks for something
	// of an interface by an ioctl, and Answers how many datagrams it gets, of which a list
	// may take many.
	Messages, Answers int
	// Sent are the messages: "netlink message type 0x10", "ioctl 0x8913 of lo".
	Sent []string
}

// Cost makes a call, which must succeed, and returns standard output and what it cost.
// It skips the test where processes cannot be traced.
func (n *Node) Cost(t testing.TB, command string, c Call) ([]byte, Cost) {
	t.Helper()
	stdout, out := n.mustTrace(t, command, c)
	cost := Cost{Programs: len(programs(out)), Answers: out.Answers[c.Plugin]}
	for _, p := range out.Points {
		_, call, isMessage := strings.Cut(p.Call, " netlink message ")
		if p.Process == c.Plugin && (isMessage || strings.HasPrefix(p.Call, "ioctl ")) {
			cost.Messages++
			cost.Sent = append(cost.Sent, call)
		}
	}
	return stdout, cost
}

func (n *Node) mustTrace(t testing.TB, command string, c Call) ([]byte, faults.Outcome) {
	t.Helper()
	out := n.mustFollow(t, command, c, traced(faults.Fault{}))
	return out.Stdout, out
}

func traced(fault faults.Fault) func(faults.Program) (faults.Outcome, error) {
	return func(p faults.Program) (faults.Outcome, error) { return faults.Run(p, fault) }
}

// Memory makes a call, which must succeed, and returns standard output and what its processes
// took. It skips the test where processes cannot be traced.
func (n *Node) Memory(t testing.TB, command string, c Call) ([]byte, faults.Memory) {
	t.Helper()
	out := n.mustFollow(t, command, c, faults.Measure)
	return out.Stdout, out.Memory
}

func (n *Node) trace(t testing.TB, command string, c Call, fault faults.Fault) faults.Outcome {
	t.Helper()
	return n.follow(t, command, c, traced(fault))
}

func (n *Node) mustFollow(t testing.TB, command string, c Call, run func(faults.Program) (faults.Outcome, error)) faults.Outcome {
	t.Helper()
	out := n.follow(t, command, c, run)
	if err := (Outcome{out.Stdout, out.Stderr, out.Status}).Err(); err != nil {
		t.Fatalf("%s %s: %v", c.Plugin, command, err)
	}
	return out
}

func (n *Node) follow(t testing.TB, command string, c Call, run func(faults.Program) (faults.Outcome, error)) faults.Outcome {
	t.Helper()
	bin, err := Bin()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(bin, c.Plugin)
	var out faults.Outcome
	err = n.Do(func() (err error) {
		out, err = run(faults.Program{
			Path:  path,
			Args:  strings.Fields(c.Command),
			Env:   c.environ(command, filepath.Dir(path)),
			Stdin: []byte(c.Config),
		})
		return err
	})
	if errors.Is(err, faults.ErrUnsupported) {
		t.Skip(faults.ErrUnsupported)
	}
	if err != nil {
		t.Fatalf("run %s: %v", c.Plugin, err)
	}
	return out
}
