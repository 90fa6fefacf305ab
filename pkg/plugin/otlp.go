package plugin

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/containernetworking/plugins/pkg/utils/buildversion"
)

// The types here are an export of one span in the JSON form of OTLP 1 (opentelemetry.proto.
// trace.v1.TracesData), as the receiver otlpjsonfile of the OpenTelemetry collector reads
// each line. In it ids are hexadecimal, and 64-bit numbers are texts.

type otlpExport struct {
	ResourceSpans [1]otlpResourceSpans `json:"resourceSpans"`
}

type otlpResourceSpans struct {
	Resource struct {
		Attributes []otlpAttribute `json:"attributes"`
	} `json:"resource"`
	ScopeSpans [1]otlpScopeSpans `json:"scopeSpans"`
}

type otlpScopeSpans struct {
	Scope struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"scope"`
	Spans [1]otlpSpan `json:"spans"`
}

type otlpSpan struct {
	TraceID      string          `json:"traceId"`
	SpanID       string          `json:"spanId"`
	ParentSpanID string          `json:"parentSpanId,omitempty"`
	TraceState   string          `json:"traceState,omitempty"`
	Flags        uint32          `json:"flags"`
	Name         string          `json:"name"`
	Kind         int             `json:"kind"`
	Start        otlpTime        `json:"startTimeUnixNano"`
	End          otlpTime        `json:"endTimeUnixNano"`
	Attributes   []otlpAttribute `json:"attributes"`
	Events       []otlpEvent     `json:"events"`
	Status       otlpStatus      `json:"status"`
}

type otlpEvent struct {
	Time       otlpTime        `json:"timeUnixNano"`
	Name       string          `json:"name"`
	Attributes []otlpAttribute `json:"attributes"`
}

type otlpStatus struct {
	Code    int    `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

type otlpAttribute struct {
	Key   string    `json:"key"`
	Value otlpValue `json:"value"`
}

// otlpValue has one of its fields set.
type otlpValue struct {
	String *string  `json:"stringValue,omitempty"`
	Int    string   `json:"intValue,omitempty"`
	Double *float64 `json:"doubleValue,omitempty"`
}

// Values of enumerations of OTLP.
const (
	otlpInternal = 1 // SPAN_KIND_INTERNAL
	otlpFailed   = 2 // STATUS_CODE_ERROR
)

// otlpTime is a time in nanoseconds since 1970.
type otlpTime time.Time

func (t otlpTime) MarshalText() ([]byte, error) {
	return strconv.AppendInt(nil, time.Time(t).UnixNano(), 10), nil
}

// export returns the call as a span. Each step is an event, of the time when it began.
func (c *loggedCall) export() otlpExport {
	var e otlpExport
	resource := &e.ResourceSpans[0]
	host, _ := os.Hostname()
	resource.Resource.Attributes = texts("service.name", "cni-plugins", "service.version", buildversion.BuildVersion, "host.name", host)
	scope := &resource.ScopeSpans[0]
	scope.Scope.Name, scope.Scope.Version = "github.com/containernetworking/plugins", buildversion.BuildVersion
	namespace, pod := c.pod()
	s := &scope.Spans[0]
	*s = otlpSpan{
		TraceID: hexOf(c.span.trace[:]), SpanID: hexOf(c.span.id[:]), ParentSpanID: c.span.parentID(), TraceState: c.span.state,
		Flags: uint32(c.span.flags),
		Name:  c.plugin + " " + c.command, Kind: otlpInternal, Start: otlpTime(c.start), End: otlpTime(c.end),
		Attributes: texts("cni.plugin", c.plugin, "cni.command", c.command, "cni.network", c.network(),
			"container.id", c.args.ContainerID, "cni.netns", c.args.Netns, "cni.ifname", c.args.IfName,
			"k8s.namespace.name", namespace, "k8s.pod.name", pod, "cni.addresses", strings.Join(c.addresses, " ")),
	}
	s.Attributes = append(s.Attributes, otlpAttribute{"process.pid", otlpValue{Int: strconv.Itoa(os.Getpid())}})
	for i, step := range c.steps {
		seconds := c.duration(i).Seconds()
		s.Events = append(s.Events, otlpEvent{otlpTime(step.begin), step.name, []otlpAttribute{{"cni.seconds", otlpValue{Double: &seconds}}}})
	}
	if c.err != nil {
		s.Status = otlpStatus{otlpFailed, oneLine(c.err)}
		s.Attributes = append(s.Attributes, texts("error.type", strconv.FormatUint(uint64(Code(c.err)), 10))...)
	}
	return e
}

// texts returns attributes of keys and values in turns, without those that are empty.
func texts(pairs ...string) []otlpAttribute {
	var all []otlpAttribute
	for i := 0; i < len(pairs); i += 2 {
		if value := pairs[i+1]; value != "" {
			all = append(all, otlpAttribute{pairs[i], otlpValue{String: &value}})
		}
	}
	return all
}
