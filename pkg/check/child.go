package check

import (
	"fmt"
	"maps"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/check/verdict"
	"github.com/containernetworking/plugins/pkg/link"
)

// Master is the interface that another one was made on.
type Master struct {
	// Name is for the error.
	Name string
	link.Lower
}

// tunable are the options that say how an interface does its work, not what it is
// connected to.
var tunable = []string{"bcqueuelen", "ingress-qos-map", "egress-qos-map"}

// compareOptions leaves those of another kind to the comparison of kinds.
func (e Expect) compareOptions(n *link.Namespace, l netlink.Link) []error {
	if e.Kind != "" && l.Type() != e.Kind {
		return nil
	}
	have, err := n.Options(l)
	if err != nil {
		return []error{err}
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(e.Options)) {
		if have[name] == e.Options[name] {
			continue
		}
		err := fmt.Errorf("interface %s has %s %q, expected %q", e.Name, name, have[name], e.Options[name])
		if slices.Contains(tunable, name) {
			err = verdict.Tuned(err)
		}
		errs = append(errs, err)
	}
	return errs
}
