package doctor

import (
	"slices"

	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// setting returns the value of a sysctl, or nothing if there is none.
func setting(name string) string {
	value, err := sysctl.Sysctl(name)
	if err != nil {
		return ""
	}
	return value
}

// forwarding looks whether the kernel forwards what containers send: the plugins turn that on
// when they make an attachment that wants it.
func forwarding(p *patient) []Finding {
	v4, v6 := p.families()
	var found []Finding
	if v4 && setting("net/ipv4/ip_forward") == "0" {
		found = append(found, fault("sysctl net.ipv4.ip_forward=1, and look in /etc/sysctl.d for what has turned it off", "IPv4 is not forwarded"))
	}
	if v6 && setting("net/ipv6/conf/all/forwarding") == "0" {
		found = append(found, fault("sysctl net.ipv6.conf.all.forwarding=1, and look in /etc/sysctl.d for what has turned it off", "IPv6 is not forwarded"))
	}
	if found == nil {
		found = append(found, ok("IPv4 %s, IPv6 %s", onOff(setting("net/ipv4/ip_forward")), onOff(setting("net/ipv6/conf/all/forwarding"))))
	}
	return found
}

// families reports whether containers have addresses of IPv4 and IPv6 on interfaces that lead
// to the host.
func (p *patient) families() (v4, v6 bool) {
	for _, a := range p.living() {
		if !slices.ContainsFunc(a.Holdings, isPair) {
			continue
		}
		for _, address := range a.Cached.Addresses() {
			v4, v6 = v4 || address.Is4(), v6 || !address.Is4()
		}
	}
	return v4, v6
}

func onOff(value string) string {
	if value == "" {
		return "unknown"
	}
	return map[bool]string{false: "on", true: "off"}[value == "0"]
}

// reversePath looks for the strict filter of sources, which drops what comes in by another
// interface than the answer would leave by.
func reversePath(p *patient) []Finding {
	if setting("net/ipv4/conf/all/rp_filter") != "1" {
		return []Finding{ok("not strict")}
	}
	networks := map[string]int{}
	for _, a := range p.living() {
		networks[a.ContainerID]++
		if networks[a.ContainerID] > 1 {
			return []Finding{warning("sysctl net.ipv4.conf.all.rp_filter=2", "strict, and containers such as %s are in several networks: "+
				"what comes by one and would be answered by another is dropped", a.ContainerID)}
		}
	}
	return []Finding{ok("strict, which does no harm here: no container is in several networks")}
}

// bridgeNetfilter looks whether what stays within a bridge passes the rules for what is
// forwarded.
func bridgeNetfilter(p *patient) []Finding {
	value := setting("net/bridge/bridge-nf-call-iptables")
	switch {
	case value == "":
		return []Finding{ok("the driver br_netfilter is not loaded")}
	case value == "0" && p.uses("portmap"):
		return []Finding{ok("off: containers of one bridge do not reach each other by published ports, unless the bridge has hairpinMode")}
	}
	return []Finding{ok("%s", onOff(value))}
}
