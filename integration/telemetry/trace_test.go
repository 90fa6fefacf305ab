// Package telemetry tests what plugins tell programs that watch a node, with the
// libraries that those programs are made of. It is a module of its own, so that the
// plugins do not depend on these. TestTelemetry of package integration runs it, in
// namespaces of its own.
package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	"go.opentelemetry.io/collector/pdata/ptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const chain = `{"cniVersion": "1.1.0", "name": "net", "plugins": [
	{"type": "ptp", "ipam": {"type": "host-local", "dataDir": %q, "subnet": "10.1.2.0/24"}},
	{"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.log_martians": "1"}}]}`

// verbs are what a runtime asks of a chain, and the spans that are then in the log: each
// with its parent.
var verbs = []struct {
	name  string
	call  func(context.Context, *libcni.CNIConfig, *libcni.NetworkConfigList, *libcni.RuntimeConf) error
	spans []string
}{
	{"STATUS", func(ctx context.Context, c *libcni.CNIConfig, list *libcni.NetworkConfigList, _ *libcni.RuntimeConf) error {
		return c.GetStatusNetworkList(ctx, list)
	}, []string{"host-local STATUS < ptp STATUS", "ptp STATUS < runtime", "tuning STATUS < runtime"}},
	{"ADD", func(ctx context.Context, c *libcni.CNIConfig, list *libcni.NetworkConfigList, rt *libcni.RuntimeConf) error {
		_, err := c.AddNetworkList(ctx, list, rt)
		return err
	}, []string{"host-local ADD < ptp ADD", "ptp ADD < runtime", "tuning ADD < runtime"}},
	{"CHECK", func(ctx context.Context, c *libcni.CNIConfig, list *libcni.NetworkConfigList, rt *libcni.RuntimeConf) error {
		return c.CheckNetworkList(ctx, list, rt)
	}, []string{"host-local CHECK < ptp CHECK", "ptp CHECK < runtime", "tuning CHECK < runtime"}},
	{"DEL", func(ctx context.Context, c *libcni.CNIConfig, list *libcni.NetworkConfigList, rt *libcni.RuntimeConf) error {
		return c.DelNetworkList(ctx, list, rt)
	}, []string{"tuning DEL < runtime", "host-local DEL < ptp DEL", "ptp DEL < runtime"}},
	{"GC", func(ctx context.Context, c *libcni.CNIConfig, list *libcni.NetworkConfigList, _ *libcni.RuntimeConf) error {
		return c.GCNetworkList(ctx, list, &libcni.GCArgs{ValidAttachments: []types.GCAttachment{}})
	}, []string{"host-local GC < ptp GC", "ptp GC < runtime", "tuning GC < runtime"}},
}

// TestTree runs a chain under a span of a runtime and finds one tree, from that span to
// the IPAM plugin's, with plugins as processes and with the delegate in that of its caller.
func TestTree(t *testing.T) {
	for i, bin := range filepath.SplitList(os.Getenv("CNI_TELEMETRY_BIN")) {
		r := newFixture(t, bin, sdktrace.AlwaysSample())
		for _, v := range verbs {
			t.Run(fmt.Sprint(i, v.name), func(t *testing.T) {
				spans, runtime := r.run(t, v.call)
				names := map[string]string{runtime: "runtime"}
				for _, s := range spans {
					names[s.SpanID().String()] = s.Name()
				}
				var got []string
				for _, s := range spans {
					got = append(got, s.Name()+" < "+names[s.ParentSpanID().String()])
				}
				if strings.Join(got, "\n") != strings.Join(v.spans, "\n") {
					t.Errorf("spans and their parents: %q, want %q", got, v.spans)
				}
				for _, s := range spans {
					within(t, s, spans)
				}
			})
		}
	}
}

// within compares the time of a span with those of its parent and of its steps.
func within(t *testing.T, s ptrace.Span, all []ptrace.Span) {
	for _, parent := range all {
		if parent.SpanID() == s.ParentSpanID() && (s.StartTimestamp() < parent.StartTimestamp() || s.EndTimestamp() > parent.EndTimestamp()) {
			t.Errorf("%s is not within %s", s.Name(), parent.Name())
		}
	}
	if s.Events().Len() == 0 || s.Events().At(0).Timestamp() != s.StartTimestamp() {
		t.Errorf("%s has no step at its beginning", s.Name())
	}
	var sum float64
	for i := range s.Events().Len() {
		seconds, _ := s.Events().At(i).Attributes().Get("cni.seconds")
		sum += seconds.Double()
	}
	if took := s.EndTimestamp().AsTime().Sub(s.StartTimestamp().AsTime()); sum < (took-time.Millisecond).Seconds() || sum > (took+time.Millisecond).Seconds() {
		t.Errorf("the steps of %s take %v s, the call %v", s.Name(), sum, took)
	}
}

// TestAttributes looks at all that a span has, of a call that fails.
func TestAttributes(t *testing.T) {
	bin := filepath.SplitList(os.Getenv("CNI_TELEMETRY_BIN"))[0]
	r := newFixture(t, bin, sdktrace.AlwaysSample())
	r.runtime.ContainerID = "other"
	spans, _ := r.run(t, func(ctx context.Context, c *libcni.CNIConfig, list *libcni.NetworkConfigList, rt *libcni.RuntimeConf) error {
		if err := c.CheckNetworkList(ctx, list, rt); err == nil {
			t.Error("CHECK of nothing succeeds")
		}
		return nil
	})
	s := spans[len(spans)-1]
	attributes := s.Attributes().AsRaw()
	for key, want := range map[string]any{
		"cni.plugin": "ptp", "cni.command": "CHECK", "cni.network": "net", "container.id": "other",
		"cni.netns": r.runtime.NetNS, "cni.ifname": "eth0", "error.type": "7",
	} {
		if attributes[key] != want {
			t.Errorf("%s is %v, want %v", key, attributes[key], want)
		}
	}
	if s.Status().Code() != ptrace.StatusCodeError || s.Status().Message() != "required prevResult missing" {
		t.Errorf("status: %v %q", s.Status().Code(), s.Status().Message())
	}
	if s.Kind() != ptrace.SpanKindInternal || attributes["process.pid"].(int64) < 2 {
		t.Errorf("kind %v, attributes %v", s.Kind(), attributes)
	}
}

// TestNotSampled runs a chain of whose trace nobody keeps anything.
func TestNotSampled(t *testing.T) {
	bin := filepath.SplitList(os.Getenv("CNI_TELEMETRY_BIN"))[0]
	r := newFixture(t, bin, sdktrace.NeverSample())
	if spans, _ := r.run(t, verbs[0].call); len(spans) != 0 {
		t.Errorf("%d spans", len(spans))
	}
}

// fixture is a runtime with a network.
type fixture struct {
	cni      *libcni.CNIConfig
	list     *libcni.NetworkConfigList
	runtime  *libcni.RuntimeConf
	log      string
	provider *sdktrace.TracerProvider
}

func newFixture(t *testing.T, bin string, sampler sdktrace.Sampler) *fixture {
	dir := t.TempDir()
	list, err := libcni.ConfListFromBytes(fmt.Appendf(nil, chain, filepath.Join(dir, "networks")))
	if err != nil {
		t.Fatal(err)
	}
	provider, _ := newRuntime(sampler)
	f := &fixture{
		cni:      libcni.NewCNIConfigWithCacheDir([]string{bin}, filepath.Join(dir, "cache"), newTraced()),
		list:     list,
		runtime:  &libcni.RuntimeConf{ContainerID: "c", NetNS: os.Getenv("CNI_TELEMETRY_NETNS"), IfName: "eth0"},
		log:      filepath.Join(dir, "log"),
		provider: provider,
	}
	t.Setenv("CNI_CALL_LOG", f.log)
	t.Setenv("CNI_CALL_LOG_FORMAT", "otlp")
	return f
}

// run makes a call under a span of its own, and returns those of the plugins and the id
// of its own. All have to be of its trace.
func (f *fixture) run(t *testing.T, call func(context.Context, *libcni.CNIConfig, *libcni.NetworkConfigList, *libcni.RuntimeConf) error) ([]ptrace.Span, string) {
	ctx, err := withBaggage(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := f.provider.Tracer("runtime").Start(ctx, "sandbox")
	if err := call(ctx, f.cni, f.list, f.runtime); err != nil {
		t.Error(err)
	}
	span.End()
	spans := readLog(t, f.log)
	for _, s := range spans {
		if s.TraceID().String() != span.SpanContext().TraceID().String() {
			t.Errorf("%s is of another trace", s.Name())
		}
	}
	return spans, span.SpanContext().SpanID().String()
}

// readLog reads the log, each line by the OpenTelemetry collector's own decoder, and removes it.
func readLog(t *testing.T, path string) []ptrace.Span {
	text, err := received(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var spans []ptrace.Span
	for line := range bytes.Lines(text) {
		traces, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(line)
		if err != nil || traces.SpanCount() != 1 {
			t.Fatalf("%v: %s", err, line)
		}
		resource := traces.ResourceSpans().At(0)
		if name, _ := resource.Resource().Attributes().Get("service.name"); name.Str() != "cni-plugins" {
			t.Errorf("resource: %v", resource.Resource().Attributes().AsRaw())
		}
		spans = append(spans, resource.ScopeSpans().At(0).Spans().At(0))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	return spans
}

// received returns what is in the log. With the program of the module collector, it is what the
// collector's receiver otlpjsonfile has made of that.
func received(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	program := os.Getenv("CNI_TELEMETRY_COLLECTOR")
	if err != nil || program == "" {
		return text, err
	}
	out, err := exec.Command(program, path).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	return out, err
}
