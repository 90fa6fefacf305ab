package plugin

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"
)

const (
	traceID  = "0af7651916cd43dd8448eb211c80319c"
	parentID = "b7ad6b7169203331"
)

// What is no valid TRACEPARENT begins a trace of its own, without the state of the
// other (W3C Trace Context, sections 3.2 and 4.3).
func TestTraceParent(t *testing.T) {
	for parent, flags := range map[string]string{
		"00-" + traceID + "-" + parentID + "-00":      "00",
		"00-" + traceID + "-" + parentID + "-01":      "01",
		"00-" + traceID + "-" + parentID + "-03":      "03",
		"00-" + traceID + "-" + parentID + "-ff":      "03",
		"01-" + traceID + "-" + parentID + "-01":      "01",
		"cc-" + traceID + "-" + parentID + "-01-What": "01",
		"cc-" + traceID + "-" + parentID + "-01-":     "01",
		"":   "new",
		"00": "new",
		"00-" + traceID + "-" + parentID + "-01-":                 "new",
		"00-" + traceID + "-" + parentID + "-01.":                 "new",
		"cc-" + traceID + "-" + parentID + "-01.":                 "new",
		"ff-" + traceID + "-" + parentID + "-01":                  "new",
		"00-" + traceID + "-" + parentID + "-1":                   "new",
		"00-" + traceID + "-" + parentID + "-0x":                  "new",
		"0-" + traceID + "-" + parentID + "-001":                  "new",
		"00-" + strings.ToUpper(traceID) + "-" + parentID + "-01": "new",
		"00-" + strings.Repeat("0", 32) + "-" + parentID + "-01":  "new",
		"00-" + traceID + "-" + strings.Repeat("0", 16) + "-01":   "new",
		"00-" + traceID[1:] + "-" + parentID + "0-01":             "new",
		"00_" + traceID + "_" + parentID + "_01":                  "new",
		"00-" + traceID[:31] + "g-" + parentID + "-01":            "new",
		" 00-" + traceID + "-" + parentID + "-01":                 "new",
	} {
		t.Setenv(TraceParent, parent)
		t.Setenv(TraceState, "vendor=1")
		s := newSpan()
		handedOn := strings.Split(s.asParent(), "-")
		if s.id == [8]byte{} || len(handedOn) != 4 || handedOn[2] != hexOf(s.id[:]) {
			t.Errorf("%q: handed on as %q", parent, s.asParent())
			continue
		}
		got := cmp.Diff([]string{traceID, parentID, flags, "vendor=1"}, []string{handedOn[1], s.parentID(), handedOn[3], s.state})
		isNew := handedOn[1] != traceID && len(handedOn[1]) == 32 && s.parentID() == "" && handedOn[3] == "03" && s.state == ""
		if (flags == "new") != isNew || !isNew && got != "" {
			t.Errorf("%q: %+v, handed on as %q", parent, s, s.asParent())
		}
	}
}

// logLines runs a call that has a delegate in the same process, and returns what is in
// the log afterwards.
func logLines(t *testing.T, format string, outcome error) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	t.Setenv(LogVariable, path)
	t.Setenv(LogFormatVariable, format)
	delegate := &Plugin{Name: "inner", CNIFuncs: skel.CNIFuncs{Add: func(args *skel.CmdArgs) error {
		return Add(args, func(*Attachment) (*current.Result, error) { return oneAddress(), outcome })
	}}}
	caller := Plugin{Name: "outer", CNIFuncs: skel.CNIFuncs{Add: func(args *skel.CmdArgs) error {
		Step("delegate")
		_, err := delegate.Run("ADD", args)
		Step("configure")
		return err
	}}}
	if err := caller.verb("ADD", caller.Add)(args("1.0.0")); (err == nil) != (outcome == nil) {
		t.Error(err)
	}
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestCallLog(t *testing.T) {
	t.Setenv(TraceParent, "00-"+traceID+"-"+parentID+"-00")
	lines := logLines(t, "", Errorf(7, "no luck"))
	if len(lines) != 2 {
		t.Fatalf("log: %q", lines)
	}
	var inner, outer callEntry
	for i, into := range []*callEntry{&inner, &outer} {
		if err := json.Unmarshal([]byte(lines[i]), into); err != nil {
			t.Fatal(err)
		}
	}
	var sum float64
	var steps []string
	for _, s := range outer.Steps {
		sum += s.Seconds
		steps = append(steps, s.Name)
	}
	if diff := cmp.Diff([]string{"prepare", "delegate", "configure"}, steps); diff != "" || sum < outer.Seconds*0.999 || sum > outer.Seconds*1.001 {
		t.Errorf("steps of %v s: %v", outer.Seconds, outer.Steps)
	}
	want := callEntry{
		Plugin: "inner", Command: "ADD", Network: "net1", ContainerID: "c1", Netns: "/var/run/netns/none", IfName: "eth0",
		TraceID: traceID, ParentSpanID: outer.SpanID, Code: 7, Error: "no luck",
		Time: inner.Time, SpanID: inner.SpanID, Seconds: inner.Seconds, Steps: inner.Steps,
	}
	if diff := cmp.Diff(want, inner); diff != "" {
		t.Errorf("delegate (-want +got):\n%s", diff)
	}
	if outer.TraceID != traceID || outer.ParentSpanID != parentID || outer.SpanID == parentID || outer.Error != "no luck" {
		t.Errorf("caller: %+v", outer)
	}
	if steps := inner.Steps; len(steps) != 2 || steps[1].Name != "undo" {
		t.Errorf("steps of the delegate: %v", steps)
	}
}

// An export of a trace that nobody keeps is for nobody; a format that there is not is the
// usual one.
func TestCallLogFormats(t *testing.T) {
	t.Setenv(TraceParent, "00-"+traceID+"-"+parentID+"-00")
	if lines := logLines(t, "otlp", nil); lines[0] != "" {
		t.Errorf("not sampled: %q", lines)
	}
	t.Setenv(TraceParent, "00-"+traceID+"-"+parentID+"-01")
	if lines := logLines(t, "otlp", nil); len(lines) != 2 || !strings.HasPrefix(lines[1], `{"resourceSpans":[{`) {
		t.Errorf("sampled: %q", lines)
	}
	if lines := logLines(t, "xml", nil); len(lines) != 2 || !strings.HasPrefix(lines[1], `{"time":`) {
		t.Errorf("unknown format: %q", lines)
	}
}

// A call that is not logged does not stand between its caller and its delegate.
func TestTraceContextWithoutLog(t *testing.T) {
	t.Setenv(LogVariable, "")
	t.Setenv(TraceParent, "anything")
	t.Setenv(TraceState, "vendor=1")
	done := logCall("ptp", "ADD", args("1.0.0"))
	Step("create")
	if parent, state := TraceContext(); parent != "anything" || state != "vendor=1" {
		t.Errorf("%q, %q", parent, state)
	}
	done(nil)
}

func BenchmarkNoCallLog(b *testing.B) {
	b.Setenv(LogVariable, "")
	args := args("1.0.0")
	for b.Loop() {
		done := logCall("ptp", "ADD", args)
		for range 5 {
			Step("create")
		}
		TraceContext()
		done(nil)
	}
}
