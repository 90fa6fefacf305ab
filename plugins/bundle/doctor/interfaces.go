package doctor

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/plugins/bundle/show"
)

func isPair(h show.Holding) bool { return h.Kind == "interface" }

// ours returns the host's ends of containers' pairs, and the bridges that they are ports of.
func ours(host *link.Namespace) (pairs, bridges []netlink.Link, err error) {
	pairs, err = host.Tagged("veth")
	seen := map[int]bool{0: true}
	for _, l := range pairs {
		index := l.Attrs().MasterIndex
		if seen[index] {
			continue
		}
		seen[index] = true
		if master, err := host.LinkByIndex(index); err == nil {
			bridges = append(bridges, master)
		}
	}
	return pairs, bridges, err
}

// onLinks runs a check of the host's interfaces that are there for containers.
func onLinks(check func(host *link.Namespace, pairs, bridges []netlink.Link) []Finding) []Finding {
	host, err := link.Host()
	if err != nil {
		return []Finding{warning("", "%v", err)}
	}
	defer host.Close()
	pairs, bridges, err := ours(host)
	if err != nil {
		return []Finding{warning("", "%v", err)}
	}
	return check(host, pairs, bridges)
}

// mtu looks whether containers may send what the uplink does not take: then it needs ICMP,
// which many networks drop, for connections not to hang.
func mtu(*patient) []Finding {
	return onLinks(func(host *link.Namespace, pairs, _ []netlink.Link) []Finding {
		uplink, err := host.DefaultRouteLink()
		if err != nil {
			return []Finding{ok("this node has no default route")}
		}
		larger := map[int][]string{}
		for _, l := range pairs {
			if size := l.Attrs().MTU; size > uplink.Attrs().MTU {
				larger[size] = append(larger[size], l.Attrs().Name)
			}
		}
		var found []Finding
		for _, size := range slices.Sorted(maps.Keys(larger)) {
			names := slices.Sorted(slices.Values(larger[size]))
			found = append(found, warning(fmt.Sprintf(`set "mtu": %d in the network, and make its containers anew`, uplink.Attrs().MTU),
				"%d of %s, but %d of uplink %s: large packets are lost where ICMP is", size, listed(names), uplink.Attrs().MTU, uplink.Attrs().Name))
		}
		if found == nil {
			found = append(found, ok("no container's is above %d, that of uplink %s", uplink.Attrs().MTU, uplink.Attrs().Name))
		}
		return found
	})
}

// manager is a program that configures interfaces which it finds, in a file of each in dir,
// called by the interface's index.
type manager struct {
	name, dir string
	manages   func(file string) bool
	advice    string
}

func allManagers() []manager {
	return []manager{
		{"NetworkManager", "/run/NetworkManager/devices", isActivated,
			`add to /etc/NetworkManager/conf.d: [keyfile] unmanaged-devices=interface-name:veth*;interface-name:BRIDGE`},
		{"systemd-networkd", "/run/systemd/netif/links", regexp.MustCompile(`(?m)^ADMIN_STATE=(configur|failed)`).MatchString,
			`add to /etc/systemd/network a file 00-containers.network: [Match] Name=veth* BRIDGE [Link] Unmanaged=yes`},
	}
}

// isActivated reports of NetworkManager's file of a device whether it has set that up. One that it
// only watches is managed as well, and has a profile that NetworkManager made to describe what
// others did (seen with 1.42).
func isActivated(file string) bool {
	profile := regexp.MustCompile(`(?m)^connection-uuid=(.+)$`).FindStringSubmatch(file)
	if profile == nil || !strings.Contains(file, "\nmanaged=true\n") {
		return false
	}
	paths, _ := filepath.Glob("/run/NetworkManager/system-connections/*.nmconnection") // there is no other error than that of a pattern
	return !slices.ContainsFunc(paths, func(path string) bool {
		text, _ := os.ReadFile(path)
		return strings.Contains(string(text), "\nuuid="+profile[1]+"\n") && strings.Contains(string(text), "\nexternal=true\n")
	})
}

// managers looks for programs that have taken over interfaces of containers, from which they
// take addresses and routes.
func managers(*patient) []Finding {
	return onLinks(func(_ *link.Namespace, pairs, bridges []netlink.Link) []Finding {
		var found []Finding
		for _, m := range allManagers() {
			var taken []string
			for _, l := range slices.Concat(bridges, pairs) {
				text, err := os.ReadFile(filepath.Join(m.dir, strconv.Itoa(l.Attrs().Index)))
				if err == nil && m.manages(string(text)) {
					taken = append(taken, l.Attrs().Name)
				}
			}
			if len(taken) > 0 {
				found = append(found, warning(m.advice, "%s has taken over %s", m.name, listed(taken)))
			}
		}
		if found == nil {
			found = append(found, ok("none has taken over interfaces of containers"))
		}
		return found
	})
}

// names looks for interfaces that somebody, such as a rule of udev, has renamed: plugins find
// theirs by name.
func names(*patient) []Finding {
	own := regexp.MustCompile(`^veth[0-9a-f]{8}$`)
	return onLinks(func(_ *link.Namespace, pairs, _ []netlink.Link) []Finding {
		var renamed []string
		for _, l := range pairs {
			if !own.MatchString(l.Attrs().Name) {
				renamed = append(renamed, l.Attrs().Name)
			}
		}
		if len(renamed) > 0 {
			return []Finding{warning("look for what does it: udevadm test /sys/class/net/"+renamed[0],
				"somebody has renamed interfaces of containers: %s", listed(renamed))}
		}
		return []Finding{ok("as the plugins gave them")}
	})
}
