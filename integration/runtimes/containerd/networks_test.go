package containerd_test

import "strings"

// network is the configuration of a network of all that pods get: two families, ports,
// isolation, limits. The address range is that of the number.
func network(name, main, number string) string {
	return strings.NewReplacer("NAME", name, "MAIN", main, "NUMBER", number).Replace(`{
  "cniVersion": "VERSION",
  "name": "NAME",
  "plugins": [
    {MAIN,
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.NUMBER.0.0/16"}], [{"subnet": "fd00:NUMBER::/64"}]],
              "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": true}},
    {"type": "firewall"},
    {"type": "bandwidth", "capabilities": {"bandwidth": true}},
    {"type": "tuning", "sysctl": {"net.core.somaxconn": "500"}}
  ]
}`)
}

// bridged has its pods on a bridge, routed has a link to the host for each.
func bridged() string {
	return network("bridged", `"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true`, "88")
}

func routed() string { return network("routed", `"type": "ptp", "ipMasq": true`, "89") }
