package routing

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/ip"
)

// Rule sends what comes from a source to a table.
type Rule struct {
	Src   *net.IPNet
	Table int
	// Protocol is Protocol for rules of plugins. The kernel deletes the first rule that
	// has what is asked for, and another one may have conditions beside.
	Protocol uint8 `json:",omitempty"`
}

// Protocol marks the rules that plugins made, in `ip rule` (FRA_PROTOCOL, Linux
// 4.17). It is the C of CNI.
const Protocol = 'C'

// rule leaves the priority to the kernel, which takes the one before the first
// rule that is not that for local addresses.
func (r Rule) rule() *netlink.Rule {
	rule := netlink.NewRule()
	rule.Src, rule.Table, rule.Protocol = r.Src, r.Table, r.Protocol
	return rule
}

// UnmarshalJSON reads a rule that has a source.
func (r *Rule) UnmarshalJSON(text []byte) error {
	type plain Rule
	if err := json.Unmarshal(text, (*plain)(r)); err != nil {
		return err
	}
	if !isNetwork(r.Src) {
		return errors.New("not a rule")
	}
	return nil
}

// isNetwork reports whether n has a mask that fits its address.
func isNetwork(n *net.IPNet) bool {
	if n == nil {
		return false
	}
	_, bits := n.Mask.Size()
	return bits > 0 && (bits == 8*len(n.IP) || bits == 32 && n.IP.To4() != nil)
}

func (r Rule) String() string { return fmt.Sprintf("from %v table %d", r.Src, r.Table) }

// Route is a route as JSON can have it.
type Route netlink.Route

// routeText replaces the field of netlink.Route that is an interface and that a
// route that isMovable may have.
type routeText struct {
	netlink.Route
	Via *netlink.Via `json:",omitempty"`
}

// MarshalJSON writes those fields of a route that isMovable that it has: to learn the
// types of all, which most routes lack, takes package json 0.1 ms.
func (r Route) MarshalJSON() ([]byte, error) {
	has, fields := map[string]any{}, reflect.ValueOf(r)
	for i := range fields.NumField() {
		if value := fields.Field(i); !value.IsZero() {
			has[fields.Type().Field(i).Name] = value.Interface()
		}
	}
	return json.Marshal(has)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Route) UnmarshalJSON(text []byte) error {
	var t routeText
	if err := json.Unmarshal(text, &t); err != nil {
		return err
	}
	if !isNetwork(t.Dst) || slices.Contains(t.MultiPath, nil) {
		return errors.New("not a route")
	}
	*r = Route(t.Route)
	if t.Via != nil {
		r.Via = t.Via
	}
	return nil
}

func (r Route) String() string { return ip.RouteText(netlink.Route(r)) }

// key is what two routes have in common that are the same.
func (r Route) key() string {
	var hops []string
	for _, hop := range Hops(netlink.Route(r)) {
		hops = append(hops, fmt.Sprint(hop.LinkIndex, hop.Gw, hop.Via))
	}
	slices.Sort(hops)
	return fmt.Sprint(r.Table, r.Dst, r.priority(), r.Tos, r.Src, hops)
}

// priority returns the metric that the kernel gives the route. To delete one of
// IPv6 without a metric is to delete any.
func (r Route) priority() int {
	if r.Priority == 0 && r.Dst.IP.To4() == nil {
		return 1024 // IP6_RT_PRIO_USER
	}
	return r.Priority
}
