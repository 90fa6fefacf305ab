package bandwidth

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Conf is the network configuration of bandwidth.
type Conf struct {
	// Limits are what a network gives all its containers. They hold if there is any
	// of their keys, even one that is 0; else the runtime's do.
	*Limits
	// Subnets hold for the runtime's limits, too, unless it has some itself.
	Subnets
	RuntimeConfig struct {
		// Bandwidth has limits of the container, for a network that gives none.
		Bandwidth *Asked `json:"bandwidth"`
	} `json:"runtimeConfig"`
	// Latency is the longest that a packet may wait for its turn, in milliseconds;
	// one that would wait longer is dropped. Default: 25.
	//
	//schema:value {"maximum": 10000}
	Latency uint64 `json:"latency"`
	// DefaultBurst is the burst where there is a rate without one, in bits. Default: none, and
	// such a rate is an error.
	//
	//schema:value {"anyOf": [{"const": 0}, {"minimum": 8}], "maximum": 34359738359}
	DefaultBurst uint64 `json:"defaultBurst"`
	// MaxBurst bounds all bursts: bytes, a text with a time at the rate ("20ms"), or
	// "auto", which bounds what runtimes pass for "any". Default: no bound.
	//
	//schema:value {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 4294967294}, {"type": "string"}]}
	MaxBurst json.RawMessage `json:"maxBurst"`
	// Discipline says in what order waiting packets go: "fq_codel" or "cake", where the
	// kernel has it. Default: that of their arrival.
	//
	//schema:value {"enum": ["", "fq_codel", "cake"]}
	Discipline discipline `json:"discipline"`

	// ingress and egress are the valid outcome. nil means no limit.
	ingress, egress *bucket
	maxBurst        maxBurst
}

// Asked is what a runtime asks for.
type Asked struct {
	Limits
	Subnets
}

// Limits are how much a container may receive (ingress) and send (egress). A rate
// of 0 means as much as it likes.
type Limits struct {
	// IngressRate and EgressRate are in bits per second. Default: 0, no limit.
	//
	//schema:value {"anyOf": [{"const": 0}, {"minimum": 8}]}
	IngressRate uint64 `json:"ingressRate"`
	EgressRate  uint64 `json:"egressRate"`
	// IngressBurst and EgressBurst are what may come at once after a silence, in bits. They are
	// required with a rate, unless there is defaultBurst.
	//
	//schema:value {"anyOf": [{"const": 0}, {"minimum": 8}], "maximum": 34359738359}
	IngressBurst uint64 `json:"ingressBurst"`
	EgressBurst  uint64 `json:"egressBurst"`
}

const (
	defaultLatency = 25
	maxLatency     = 10_000
)

// Validate completes the configuration.
func (c *Conf) Validate() error {
	if c.Latency == 0 {
		c.Latency = defaultLatency
	}
	if c.Latency > maxLatency {
		return fmt.Errorf("latency cannot be more than %d ms", maxLatency)
	}
	if c.DefaultBurst != 0 {
		if err := checkBurst(c.DefaultBurst); err != nil {
			return fmt.Errorf("defaultBurst: %w", err)
		}
	}
	var err error
	if c.maxBurst, err = parseMaxBurst(c.MaxBurst); err != nil {
		return err
	}
	if err := c.Discipline.validate(); err != nil {
		return err
	}
	limits, subnets := c.Limits, c.Subnets
	if limits == nil && c.RuntimeConfig.Bandwidth != nil {
		limits = &c.RuntimeConfig.Bandwidth.Limits
		if !c.RuntimeConfig.Bandwidth.Subnets.isEmpty() {
			subnets = c.RuntimeConfig.Bandwidth.Subnets
		}
	}
	scope, err := subnets.scope()
	if err != nil || limits == nil {
		return err
	}
	if c.ingress, err = c.bucket(limits.IngressRate, limits.IngressBurst); err != nil {
		return err
	}
	if c.egress, err = c.bucket(limits.EgressRate, limits.EgressBurst); err != nil {
		return err
	}
	if c.ingress != nil {
		c.ingress.scope = scope.by(source)
	}
	if c.egress != nil {
		c.egress.scope = scope.by(destination)
	}
	return nil
}

// bucket returns a valid limit, nil for none.
func (c *Conf) bucket(rate, burst uint64) (*bucket, error) {
	switch {
	case rate == 0 && burst == 0:
		return nil, nil
	case rate == 0:
		return nil, errors.New("if burst is set, rate must also be set")
	case burst == 0 && c.DefaultBurst == 0:
		return nil, errors.New("if rate is set, burst must also be set")
	case burst == 0:
		burst = c.DefaultBurst
	}
	if err := checkBurst(burst); err != nil {
		return nil, err
	}
	if rate < minimum {
		return nil, fmt.Errorf("rate cannot be less than %d bit/s", minimum)
	}
	b := newBucket(rate/8, c.maxBurst.of(burst, rate)/8, c.Latency)
	b.discipline = c.Discipline
	return b, nil
}

// minimum is one byte, the least that the kernel can count, in bits.
const minimum = 8

func checkBurst(burst uint64) error {
	if burst < minimum {
		return fmt.Errorf("burst cannot be less than %d bits", minimum)
	}
	if burst/8 >= math.MaxUint32 {
		return errors.New("burst cannot be more than 4GB")
	}
	return nil
}
