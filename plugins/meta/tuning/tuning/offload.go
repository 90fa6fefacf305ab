package tuning

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/containernetworking/plugins/pkg/netdev"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// patterns returns patterns of the kernel's features by the short and long names
// that ethtool(8) has for them.
func patterns() map[string]string {
	return map[string]string{
		"rx": "rx-checksum", "rx-checksum": "rx-checksum", "rx-checksumming": "rx-checksum",
		"tx": "tx-checksum-*", "tx-checksum": "tx-checksum-*", "tx-checksumming": "tx-checksum-*",
		"sg": "tx-scatter-gather*", "scatter-gather": "tx-scatter-gather*",
		"tso": "tx-tcp*-segmentation", "tcp-segmentation-offload": "tx-tcp*-segmentation",
		"ufo": "tx-udp-fragmentation", "udp-fragmentation-offload": "tx-udp-fragmentation",
		"gso": "tx-generic-segmentation", "generic-segmentation-offload": "tx-generic-segmentation",
		"gro": "rx-gro", "generic-receive-offload": "rx-gro",
		"lro": "rx-lro", "large-receive-offload": "rx-lro",
		"rxvlan": "rx-vlan-hw-parse", "rx-vlan-offload": "rx-vlan-hw-parse",
		"txvlan": "tx-vlan-hw-insert", "tx-vlan-offload": "tx-vlan-hw-insert",
		"ntuple": "rx-ntuple-filter", "ntuple-filters": "rx-ntuple-filter",
		"rxhash": "rx-hashing", "receive-hashing": "rx-hashing",
	}
}

// matching returns those of the features that name stands for.
func matching(name string, features []netdev.Feature) []netdev.Feature {
	pattern, ok := patterns()[name]
	if !ok {
		pattern = name
	}
	return slices.DeleteFunc(slices.Clone(features), func(f netdev.Feature) bool {
		matches, err := path.Match(pattern, f.Name)
		return err != nil || !matches
	})
}

func (d *device) features() ([]netdev.Feature, error) {
	if err := d.exists(); err != nil {
		return nil, err
	}
	return d.Features()
}

// readOffloads returns, by the kernel's names, what is requested of the features
// that the names in want stand for and that can be changed.
func (d *device) readOffloads(want map[string]bool) (map[string]bool, error) {
	if len(want) == 0 {
		return nil, nil
	}
	features, err := d.features()
	if err != nil {
		return nil, err
	}
	have := make(map[string]bool)
	for name := range want {
		for _, f := range matching(name, features) {
			if f.Changeable {
				have[f.Name] = f.Requested
			}
		}
	}
	return have, nil
}

// setOffloads turns offloads on or off, and fails if they stay as they are.
func (d *device) setOffloads(want map[string]bool) error {
	if err := d.requestOffloads(want); err != nil {
		return err
	}
	return d.compareOffloads(want)
}

// requestOffloads requests offloads to be on or off.
func (d *device) requestOffloads(want map[string]bool) error {
	if len(want) == 0 {
		return nil
	}
	features, err := d.features()
	if err != nil {
		return err
	}
	request := make(map[string]bool)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		for _, f := range matching(name, features) {
			if !f.Changeable {
				continue
			}
			if on, ok := request[f.Name]; ok && on != want[name] {
				return fmt.Errorf("offloads contradict each other about %s of %q", f.Name, d.name)
			}
			request[f.Name] = want[name]
		}
	}
	return d.SetFeatures(request)
}

// compareOffloads returns one error for all offloads that are not as wanted: on
// is what has a feature that is on.
func (d *device) compareOffloads(want map[string]bool) error {
	if len(want) == 0 {
		return nil
	}
	features, err := d.features()
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(want)) {
		on := slices.ContainsFunc(matching(name, features), func(f netdev.Feature) bool { return f.Active })
		if on != want[name] {
			errs = append(errs, fmt.Errorf("interface %s has offload %s %s, expected %s", d.name, name, onOff(on), onOff(!on)))
		}
	}
	return plugin.Join(errs...)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
