package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// stuckAfter is how long the agent may take to settle the node: what it waits for has a
// deadline that is shorter.
const stuckAfter = 2 * time.Minute

// health is how the agent is.
type health struct {
	mu sync.Mutex
	// began is when it began to settle the node, or zero while it waits for changes.
	began time.Time
	// err is what keeps the node from being as it is to be, and unrepaired what keeps rules
	// from coming back that somebody has flushed.
	err, unrepaired error
}

func newHealth() *health { return &health{err: errors.New("the agent is starting")} }

func (h *health) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.began = time.Now()
}

// end takes the result. What is new is logged.
func (h *health) end(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil && (h.err == nil || !slices.Equal(lines(err), lines(h.err))):
		slog.Warn("the node is not as it is to be", "error", err)
	case err == nil && h.err != nil:
		slog.Info("the node is as it is to be")
	}
	h.began, h.err = time.Time{}, err
}

// repaired takes the result of a repair. What is new of its errors is logged.
func (h *health) repaired(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil && fmt.Sprint(err) != fmt.Sprint(h.unrepaired) {
		slog.Warn("rules that somebody flushed may still lack", "error", err)
	}
	h.unrepaired = err
}

// lines returns what an error says in an order that does not depend on which of several things
// was tried first.
func lines(err error) []string { return slices.Sorted(strings.SplitSeq(err.Error(), "\n")) }

// live returns an error if the agent hangs.
func (h *health) live() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if since := time.Since(h.began); !h.began.IsZero() && since > stuckAfter {
		return fmt.Errorf("busy for %s", since.Round(time.Second))
	}
	return nil
}

// ready returns an error if the node is not as it is to be.
func (h *health) ready() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(h.err, h.unrepaired)
}

// serve answers on the address until the context ends.
func serve(ctx context.Context, address string, h *health, m *metrics) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", answer(h.live))
	mux.HandleFunc("GET /readyz", answer(h.ready))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("serve metrics and health: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func answer(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}
