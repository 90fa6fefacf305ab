package iface

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
)

// DefaultRoute is the value of the key defaultRoute, which says what becomes of the
// default routes of a result: true, the default, leaves them as they are, false leaves
// them out, and {"metric": N} gives them a metric.
//
//schema:value {"default": true, "anyOf": [{"type": "boolean"}, {"type": "object", "required": ["metric"], "properties": {"metric": {"type": "integer", "minimum": 1, "maximum": 2147483647}}}]}
type DefaultRoute struct {
	dropped bool
	metric  *int
}

var errDefaultRoute = errors.New(`defaultRoute must be true, false or {"metric": N}`)

// UnmarshalJSON reads one of the three forms.
func (d *DefaultRoute) UnmarshalJSON(data []byte) error {
	kept := true
	if json.Unmarshal(data, &kept) == nil {
		*d = DefaultRoute{dropped: !kept}
		return nil
	}
	var object struct {
		Metric int `json:"metric"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&object) != nil {
		return errDefaultRoute
	}
	*d = DefaultRoute{metric: &object.Metric}
	return nil
}

// validate checks the metric. The kernel's highest one is twice as high, but is no int
// everywhere.
func (d DefaultRoute) validate() error {
	if d.metric != nil && (*d.metric < 1 || *d.metric > math.MaxInt32) {
		return fmt.Errorf("invalid metric %d in defaultRoute (must be between 1 and %d)", *d.metric, math.MaxInt32)
	}
	return nil
}

// IsDropped reports whether there are to be no default routes.
func (d DefaultRoute) IsDropped() bool { return d.dropped }

// Metric returns the metric of default routes, 0 if they have their own.
func (d DefaultRoute) Metric() int {
	if d.metric == nil {
		return 0
	}
	return *d.metric
}

// Apply makes of the default routes of a result what they are to be. A prevResult of a
// version before 1.1.0, which has no priority of routes, may have lost it meanwhile.
func (d DefaultRoute) Apply(result *current.Result) {
	routes := result.Routes
	result.Routes = nil
	for _, r := range routes {
		table := unix.RT_TABLE_UNSPEC
		if r.Table != nil {
			table = *r.Table
		}
		if d.keeps(&r.Dst, table, &r.Priority) {
			result.Routes = append(result.Routes, r)
		}
	}
}

// Taken returns what becomes of routes that a device takes along.
func (d DefaultRoute) Taken(routes []netlink.Route) []netlink.Route {
	var kept []netlink.Route
	for _, r := range routes {
		if d.keeps(r.Dst, r.Table, &r.Priority) {
			kept = append(kept, r)
		}
	}
	return kept
}

// keeps reports whether a route stays, and changes its priority.
func (d DefaultRoute) keeps(dst *net.IPNet, table int, priority *int) bool {
	if !leadsEverywhere(dst) || !ip.IsMainTable(table) {
		return true
	}
	if d.metric != nil {
		*priority = *d.metric
	}
	return !d.dropped
}

// leadsEverywhere reports whether a route to the destination is a default route, or does
// what one does: the halves 0.0.0.0/1 and 128.0.0.0/1, by which some get in front of a
// default route, and 2000::/3, which is all of the Internet (RFC 4291, section 2.4), are
// no other thing.
func leadsEverywhere(dst *net.IPNet) bool {
	ones, bits := dst.Mask.Size()
	return ones <= 1 || bits == 128 && ones <= 3
}
