package ipam

import (
	"encoding/json"
	"net"
)

// Networks returns the networks that a configuration names for its IPAM plugin,
// whichever that is: its addresses may come from any of them. Destinations of
// routes are none.
func Networks(stdin []byte) []*net.IPNet {
	var conf struct {
		IPAM          any `json:"ipam"`
		RuntimeConfig struct {
			IPRanges any `json:"ipRanges"`
		} `json:"runtimeConfig"`
	}
	if err := json.Unmarshal(stdin, &conf); err != nil {
		return nil
	}
	return append(networksIn(conf.IPAM), networksIn(conf.RuntimeConfig.IPRanges)...)
}

// networksIn collects what has the form of a network.
func networksIn(value any) []*net.IPNet {
	var networks []*net.IPNet
	switch value := value.(type) {
	case string:
		if _, network, err := net.ParseCIDR(value); err == nil {
			networks = append(networks, network)
		}
	case []any:
		for _, member := range value {
			networks = append(networks, networksIn(member)...)
		}
	case map[string]any:
		for key, member := range value {
			if key != "routes" {
				networks = append(networks, networksIn(member)...)
			}
		}
	}
	return networks
}
