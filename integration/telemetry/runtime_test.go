package telemetry

import (
	"context"
	"strings"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/version"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// traced starts plugins for libcni as that does by itself behind its release 1.3.1: with
// the trace context and the baggage of the caller in their environment.
type traced struct{ *invoke.DefaultExec }

func newTraced() traced {
	return traced{&invoke.DefaultExec{RawExec: &invoke.RawExec{}, PluginDecoder: version.PluginDecoder{}}}
}

func (e traced) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	carrier := propagation.MapCarrier{}
	propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}).Inject(ctx, carrier)
	for key, value := range carrier {
		environ = append(environ, strings.ToUpper(key)+"="+value)
	}
	return e.DefaultExec.ExecPlugin(ctx, path, stdin, environ)
}

// newRuntime returns what makes a runtime's spans, and where these are when they end.
func newRuntime(sampler sdktrace.Sampler) (*sdktrace.TracerProvider, *tracetest.InMemoryExporter) {
	exporter := tracetest.NewInMemoryExporter()
	return sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter), sdktrace.WithSampler(sampler)), exporter
}

// withBaggage adds a member of baggage to a context.
func withBaggage(ctx context.Context) (context.Context, error) {
	member, err := baggage.NewMember("pod", "web-1")
	if err != nil {
		return nil, err
	}
	bag, err := baggage.New(member)
	return baggage.ContextWithBaggage(ctx, bag), err
}
