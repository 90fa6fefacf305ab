package main

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the agent counts.
type metrics struct {
	registry *prometheus.Registry

	nodes       prometheus.Gauge
	unreachable prometheus.Gauge
	routes      prometheus.Gauge
	settled     *prometheus.CounterVec
	seconds     prometheus.Histogram
	gc          *prometheus.CounterVec
	collected   prometheus.Counter
	repairs     *prometheus.CounterVec
}

func newMetrics() *metrics {
	name := func(n, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "cni_plugins_agent", Name: n, Help: help}
	}
	result := []string{"result"}
	m := &metrics{
		registry:    prometheus.NewRegistry(),
		nodes:       prometheus.NewGauge(prometheus.GaugeOpts(name("nodes", "Nodes of the cluster."))),
		unreachable: prometheus.NewGauge(prometheus.GaugeOpts(name("unreachable_pod_cidrs", "podCIDRs of nodes that are neither on the link nor behind an overlay."))),
		routes:      prometheus.NewGauge(prometheus.GaugeOpts(name("routes", "Routes to other nodes that are wanted."))),
		settled: prometheus.NewCounterVec(prometheus.CounterOpts(name("settlements_total",
			"How often the node was made what it is to be, by result: ok or error.")), result),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "cni_plugins_agent", Name: "settlement_seconds",
			Help: "How long that took.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 7)}),
		gc: prometheus.NewCounterVec(prometheus.CounterOpts(name("gc_total",
			"How often it was looked for attachments that the runtime does not know, by result: ok or error.")), result),
		collected: prometheus.NewCounter(prometheus.CounterOpts(name("gc_removed_total", "Attachments that were removed, as the runtime did not know them."))),
		repairs: prometheus.NewCounterVec(prometheus.CounterOpts(name("repairs_total",
			"How often rules were repaired that somebody may have flushed, by result: ok or error.")), result),
	}
	m.registry.MustRegister(m.nodes, m.unreachable, m.routes, m.settled, m.seconds, m.gc, m.collected, m.repairs)
	return m
}

// count counts how something ended.
func count(of *prometheus.CounterVec, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	of.WithLabelValues(result).Inc()
}
