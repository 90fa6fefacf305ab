package plugin

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	current "github.com/containernetworking/cni/pkg/types/100"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// LogVariable names the environment variable with the path of a call log: each
// verb of each plugin, delegates included, appends a line of JSON to it. By
// default there is no log, unless ConfigPath names one. LogFormatVariable names the one with the form of the lines:
// "json", the default, or "otlp".
const (
	LogVariable       = "CNI_CALL_LOG"
	LogFormatVariable = "CNI_CALL_LOG_FORMAT"
)

// loggedCall is a verb under way that is going to be logged.
type loggedCall struct {
	plugin, command string
	args            *CmdArgs
	span            span
	start, end      time.Time
	mu              sync.Mutex
	steps           []step
	addresses       []string // of the result
	err             error
}

// step is a part of a call. It lasts until the next one begins.
type step struct {
	name  string
	begin time.Time
}

// logged are the calls under way that are logged: that of the process and, in a bundle,
// that of its delegate.
var logged calls

type calls struct {
	mu  sync.Mutex
	all []*loggedCall
	any bool // see arrive
}

// arrive notes that a call has got as far as its verb.
func (c *calls) arrive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.any = true
}

func (c *calls) begin(call *loggedCall) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, call)
}

func (c *calls) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = c.all[:len(c.all)-1]
}

// current returns the innermost call; nil if there is none.
func (c *calls) current() *loggedCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) == 0 {
		return nil
	}
	return c.all[len(c.all)-1]
}

// Step notes for the call log that the call that runs begins another part of its work,
// in which it is until the next one. Without a log it does nothing.
func Step(name string) {
	if call := logged.current(); call != nil {
		call.mu.Lock()
		defer call.mu.Unlock()
		call.steps = append(call.steps, step{name, time.Now()})
	}
}

// logCall starts the log entry of a call and returns what finishes it. A log
// that cannot be written never fails the call.
func logCall(plugin, command string, args *CmdArgs) func(error) {
	logged.arrive()
	settings := readLogSettings(ConfigPath)
	if settings.path == "" {
		return func(error) {}
	}
	call := &loggedCall{plugin: plugin, command: command, args: args, start: time.Now()}
	if caller := logged.current(); caller != nil {
		call.span = caller.span.child()
	} else {
		call.span = newSpan()
	}
	call.steps = []step{{"prepare", call.start}}
	logged.begin(call)
	return func(err error) {
		logged.end()
		call.end, call.err = time.Now(), err
		if line := call.line(settings.format); line != nil {
			appendLine(settings.path, line)
		}
	}
}

// logRefusal logs a call that was refused before it came to a verb, as its variables or its
// configuration make no sense. What is known of it is in the environment.
func logRefusal(plugin string, err error) {
	if logged.any {
		return
	}
	logCall(plugin, os.Getenv("CNI_COMMAND"), &CmdArgs{
		ContainerID: os.Getenv("CNI_CONTAINERID"), Netns: os.Getenv("CNI_NETNS"),
		IfName: os.Getenv("CNI_IFNAME"), Args: os.Getenv("CNI_ARGS"),
	})(err)
}

// logResult notes the addresses of the result of the call that runs.
func logResult(result *current.Result) {
	call := logged.current()
	if call == nil {
		return
	}
	call.mu.Lock()
	defer call.mu.Unlock()
	for _, ip := range result.IPs {
		call.addresses = append(call.addresses, ip.Address.String())
	}
}

// line returns the call in a format of LogFormatVariable, or nil if it is not for it.
func (c *loggedCall) line(format string) []byte {
	var entry any
	switch format {
	case "otlp":
		if c.span.flags&sampled == 0 {
			return nil // nobody keeps the trace
		}
		entry = c.export()
	default:
		fmt.Fprintf(os.Stderr, "%s=%s: there are json and otlp; this is json\n", LogFormatVariable, format)
		fallthrough
	case "", "json":
		entry = c.entry()
	}
	line, _ := json.Marshal(entry)
	return line
}

// appendLine makes one write in append mode: lines of processes that run beside each
// other do not mix. A FIFO may have no reader, or one that does not keep up: then it gets
// no line, as package os would wait for ever until there is room.
func appendLine(path string, line []byte) {
	fd, err := unpolled.OpenAny(path, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	unix.Write(fd, append(line, '\n'))
}

// callEntry is a line of the call log.
type callEntry struct {
	Time         time.Time   `json:"time"`
	Plugin       string      `json:"plugin"`
	Command      string      `json:"command"`
	Network      string      `json:"network,omitempty"`
	ContainerID  string      `json:"containerID,omitempty"`
	Netns        string      `json:"netns,omitempty"`
	IfName       string      `json:"ifname,omitempty"`
	Pod          string      `json:"pod,omitempty"`
	Addresses    []string    `json:"addresses,omitempty"`
	TraceID      string      `json:"traceID"`
	SpanID       string      `json:"spanID"`
	ParentSpanID string      `json:"parentSpanID,omitempty"`
	Seconds      float64     `json:"seconds"`
	Steps        []stepEntry `json:"steps"`
	Code         uint        `json:"code,omitempty"`
	Error        string      `json:"error,omitempty"`
}

type stepEntry struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

func (c *loggedCall) entry() callEntry {
	entry := callEntry{
		Time: c.start, Plugin: c.plugin, Command: c.command, Network: c.network(),
		ContainerID: c.args.ContainerID, Netns: c.args.Netns, IfName: c.args.IfName, Pod: c.podName(), Addresses: c.addresses,
		TraceID: hexOf(c.span.trace[:]), SpanID: hexOf(c.span.id[:]), ParentSpanID: c.span.parentID(),
		Seconds: c.end.Sub(c.start).Seconds(),
	}
	for i, s := range c.steps {
		entry.Steps = append(entry.Steps, stepEntry{s.name, c.duration(i).Seconds()})
	}
	if c.err != nil {
		entry.Code, entry.Error = Code(c.err), c.err.Error()
	}
	return entry
}

// duration returns how long the i-th step took.
func (c *loggedCall) duration(i int) time.Duration {
	end := c.end
	if i+1 < len(c.steps) {
		end = c.steps[i+1].begin
	}
	return end.Sub(c.steps[i].begin)
}

// network returns the name of the network, if the configuration has one.
func (c *loggedCall) network() string {
	conf, _ := Network(c.args.StdinData)
	return conf.Name
}

// pod returns the Kubernetes pod that the call is about, if the runtime has told.
func (c *loggedCall) pod() (namespace, name string) {
	for _, pair := range strings.Split(c.args.Args, ";") {
		switch key, value, _ := strings.Cut(pair, "="); key {
		case "K8S_POD_NAMESPACE":
			namespace = value
		case "K8S_POD_NAME":
			name = value
		}
	}
	return namespace, name
}

func (c *loggedCall) podName() string {
	namespace, name := c.pod()
	if name == "" {
		return ""
	}
	return namespace + "/" + name
}
