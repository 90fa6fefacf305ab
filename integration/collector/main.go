// Command collector reads the log of calls as the OpenTelemetry collector does, by its receiver
// otlpjsonfile with the configuration that the documentation has, and prints what that hands on:
// a line of OTLP/JSON for each export. It ends when it has as many spans as the log has lines.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/otlpjsonfilereceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	exports := make(chan ptrace.Traces)
	sink, err := consumer.NewTraces(func(_ context.Context, traces ptrace.Traces) error {
		exports <- traces
		return nil
	})
	if err != nil {
		return err
	}
	factory := otlpjsonfilereceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	conf := confmap.NewFromStringMap(map[string]any{"include": []string{path}, "start_at": "beginning"})
	if err := conf.Unmarshal(config); err != nil {
		return err
	}
	settings := receivertest.NewNopSettings(component.MustNewType("otlpjsonfile"))
	receiver, err := factory.CreateTraces(ctx, settings, config, sink)
	if err != nil {
		return err
	}
	if err := receiver.Start(ctx, componenttest.NewNopHost()); err != nil {
		return err
	}
	err = show(ctx, exports, bytes.Count(text, []byte("\n")))
	return errors.Join(err, receiver.Shutdown(context.Background()))
}

// show prints exports until there were so many spans.
func show(ctx context.Context, exports <-chan ptrace.Traces, spans int) error {
	for got := 0; got < spans; {
		select {
		case traces := <-exports:
			line, err := new(ptrace.JSONMarshaler).MarshalTraces(traces)
			if err != nil {
				return err
			}
			got += traces.SpanCount()
			fmt.Printf("%s\n", line)
		case <-ctx.Done():
			return fmt.Errorf("the receiver told of %d spans, and the log has %d lines", got, spans)
		}
	}
	return nil
}
