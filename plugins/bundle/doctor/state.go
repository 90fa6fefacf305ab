package doctor

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/plugins/bundle/libcni"
	"github.com/containernetworking/plugins/plugins/bundle/show"
	hostlocal "github.com/containernetworking/plugins/plugins/ipam/host-local/commands"
)

// nearly is the part of a pool of which less is free if it is nearly exhausted.
const nearly = 10

// pools looks how full the networks of host-local are.
func pools(p *patient) []Finding {
	all, err := hostlocal.Pools(p.confDir)
	var found []Finding
	if err != nil {
		found = append(found, warning("", "%v", err))
	}
	for _, pool := range all {
		if pool.Free == nil {
			continue
		}
		text := fmt.Sprintf("network %s: of %v addresses of %s, %d are used, %d reserved for containers of before the boot", pool.Network, pool.Size, pool.Ranges, pool.Used, pool.Reserved)
		switch few := new(big.Int).Mul(pool.Free, big.NewInt(nearly)); {
		case pool.Free.Sign() <= 0:
			found = append(found, fault("cni-plugins gc gives back what containers had that are gone; else give the network a larger range", "%s: exhausted", text))
		case few.Cmp(pool.Size) < 0:
			found = append(found, warning("cni-plugins gc gives back what containers had that are gone", "%s: nearly exhausted", text))
		}
	}
	if found == nil {
		found = append(found, ok("none of host-local is exhausted"))
	}
	return found
}

// leftovers looks for what belongs to containers that are gone.
func leftovers(p *patient) []Finding {
	var found []Finding
	if p.errLook != nil {
		found = append(found, warning("", "%v", p.errLook))
	}
	for _, left := range []struct {
		state show.State
		known bool
		text  string
	}{
		{show.Gone, true, "containers are gone without a DEL"},
		{show.Gone, false, "the runtime does not know what is there of containers that are gone"},
		{show.Unowned, false, "nobody owns what is there of"},
	} {
		names := map[string][]string{} // by advice
		for _, a := range p.chosen() {
			if a.State == left.state && (a.Cached != nil) == left.known && !a.Bare {
				advice := p.howToClear(a)
				names[advice] = append(names[advice], a.String())
			}
		}
		for _, advice := range slices.Sorted(maps.Keys(names)) {
			found = append(found, warning(advice, "%s: %d attachments: %s", left.text, len(names[advice]), listed(names[advice])))
		}
	}
	if found == nil {
		found = append(found, ok("nothing belongs to containers that are gone"))
	}
	return found
}

// howToClear says what removes what an attachment has left. Without --idle, gc goes by what the
// runtime knows, and by few of the records; with it, by the configurations that there are.
func (p *patient) howToClear(a *show.Attachment) string {
	isLease := func(h show.Holding) bool { return h.Kind == "lease" }
	isHostLocal := func(c libcni.Conf) bool { return c.IPAM() == "host-local" }
	n := libcni.Find(p.networks, a.Network)
	switch {
	case a.Cached != nil:
		return "cni-plugins gc removes what they have"
	case a.Network != "" && n == nil:
		return "with a configuration of the network again, cni-plugins gc --idle, while no container is added, removes it"
	case n != nil && slices.ContainsFunc(a.Holdings, isLease) && !slices.ContainsFunc(n.Plugins, isHostLocal):
		return "with host-local in the configuration of the network again, cni-plugins gc --idle, while no container is added, removes it"
	}
	return "cni-plugins gc --idle, while no container is added, removes it"
}

// listed names some of many.
func listed(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s, and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// attachments has each plugin compare what there is with what it made: that finds rules that
// somebody has flushed, addresses, routes and limits that are gone.
func attachments(p *patient) []Finding {
	differ := map[string][]*difference{} // by plugin
	living := p.living()
	end := time.Now().Add(p.limit * 3 / 4)
	checked := 0
	for ; checked < len(living) && time.Now().Before(end); checked++ {
		for _, d := range p.check(living[checked]) {
			differ[d.plugin] = append(differ[d.plugin], d)
		}
	}
	var found []Finding
	for _, plugin := range slices.Sorted(maps.Keys(differ)) {
		all := differ[plugin]
		found = append(found, fault("cni-plugins repair makes rules again that were flushed; for what it does not mend, make the container anew",
			"%s: of attachments: %d, which are not as they were added, such as %s: %v", plugin, len(all), all[0].of, all[0].err))
	}
	if left := len(living) - checked; left > 0 {
		found = append(found, warning("name a container, or give more time by --timeout", "there was no time for %d of %d attachments", left, len(living)))
	}
	if found == nil {
		found = append(found, ok("of attachments: %d, which are as they were added", len(living)))
	}
	return found
}

// difference is the error of a plugin's CHECK.
type difference struct {
	of     *show.Attachment
	plugin string
	err    error
}

// check calls CHECK of all plugins of an attachment, with the configuration that it was added
// with, unless that has no CHECK.
func (p *patient) check(a *show.Attachment) []*difference {
	if a.Bare {
		return []*difference{{a, "interface", errors.New("it is not in the namespace")}}
	}
	n, err := libcni.Added(*a.Cached, p.networks, p.confDir)
	if err != nil {
		return []*difference{{a, "configuration", err}}
	}
	if knows, err := version.GreaterThanOrEqualTo(n.Version, checkVersion); err != nil || !knows || bool(n.DisableCheck) {
		return nil
	}
	var found []*difference
	for _, of := range n.Plugins {
		called, err := n.Plugin(p.binDir, of, *a.Cached)
		if err == nil {
			err = called.Check()
		}
		if err != nil {
			found = append(found, &difference{a, of.Get("type"), err})
		}
	}
	return found
}

// checkVersion is the first one of the specification that has the verb CHECK.
const checkVersion = "0.4.0"
