package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netdev"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/plugins/bundle/show"
)

// patience is how long an answer may take. What is asked is near.
const patience = time.Second

// inside runs f in the namespace of each living attachment of the container, on a thread of
// its own. Without the interface, which a program may drive, there is no way out of it.
func (p *patient) inside(f func(a *show.Attachment) []Finding) []Finding {
	var found []Finding
	for _, a := range p.living() {
		namespace, err := p.netns.Open(a.Netns)
		if err == nil {
			err = namespace.Do(func(ns.NetNS) error {
				if there, err := netdev.Exists(a.IfName); err != nil || !there {
					return err
				}
				found = append(found, f(a)...)
				return nil
			})
			namespace.Close()
		}
		if err != nil {
			found = append(found, warning("", "%s: %v", a, err))
		}
	}
	if found == nil {
		found = append(found, ok("there is none to try"))
	}
	return found
}

// isOfLink reports whether an address is one that each link may have, and says not which.
func isOfLink(address netip.Addr) bool { return address.Is6() && address.IsLinkLocalUnicast() }

// try calls ask with the address as the thread's namespace reaches it by the interface.
func try(address netip.Addr, ifName string, ask func(netip.Addr) error) error {
	if isOfLink(address) {
		index, err := netdev.IndexOf(ifName)
		if err != nil {
			return err
		}
		address = address.WithZone(strconv.Itoa(index)) // package net remembers names, also those of other namespaces
	}
	return ask(address)
}

// gateway asks the gateways of a container for an echo.
func gateway(p *patient) []Finding {
	return p.inside(func(a *show.Attachment) []Finding {
		var found []Finding
		for _, address := range a.Cached.Gateways() {
			if err := try(address, a.IfName, echo); err != nil {
				found = append(found, fault("look at the interface on both sides: cni-plugins show "+a.ContainerID, "%s: %s does not answer: %v", a, address, err))
			} else {
				found = append(found, ok("%s: %s answers", a, address))
			}
		}
		return found
	})
}

// echo sends an echo request (RFC 792, RFC 4443) and waits for the reply.
func echo(to netip.Addr) error {
	network, request, reply := "ip4:icmp", byte(8), byte(0)
	if to.Is6() {
		network, request, reply = "ip6:ipv6-icmp", 128, 129
	}
	dialed, err := net.DialTimeout(network, to.String(), patience)
	if err != nil {
		return err
	}
	defer dialed.Close()
	c := dialed.(*net.IPConn)
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	// Type, code, checksum, which the kernel computes for ICMPv6, identifier and number.
	message := []byte{request, 0, 0, 0, 0x43, 0x4e, 0, 1}
	if to.Is4() {
		sum := ^(uint16(request)<<8 + 0x434e + 1)
		message[2], message[3] = byte(sum>>8), byte(sum)
	}
	if _, err := c.Write(message); err != nil {
		return err
	}
	answer := make([]byte, 128)
	for {
		n, _, err := c.ReadFrom(answer) // unlike Read, without the header of IPv4
		if err != nil {
			return err
		}
		if n >= len(message) && answer[0] == reply && bytes.Equal(answer[4:8], message[4:]) {
			return nil
		}
	}
}

// nameServers asks the DNS servers of a container for the root.
func nameServers(p *patient) []Finding {
	return p.inside(func(a *show.Attachment) []Finding {
		servers := a.Cached.NameServers()
		source := ""
		if len(servers) == 0 {
			servers, source = hostNameServers(), ", of the host's /etc/resolv.conf"
		}
		var found []Finding
		for _, server := range servers {
			if err := try(server, a.IfName, askRoot); err != nil {
				found = append(found, fault("look at masquerade, the firewall, and whether the server knows the way back", "%s: %s%s does not answer: %v", a, server, source, err))
			} else {
				found = append(found, ok("%s: %s%s answers", a, server, source))
			}
		}
		return found
	})
}

// hostNameServers returns those that containers get where the network has none: but not those
// of the host itself.
func hostNameServers() []netip.Addr {
	text, _ := os.ReadFile("/etc/resolv.conf")
	var servers []netip.Addr
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "nameserver" {
			continue
		}
		if address, err := netip.ParseAddr(words[1]); err == nil && !address.IsLoopback() {
			servers = append(servers, address)
		}
	}
	return servers
}

// askRoot sends a query for the name servers of the root (RFC 1035). Any answer will do.
func askRoot(server netip.Addr) error {
	c, err := net.DialTimeout("udp", netip.AddrPortFrom(server, 53).String(), patience)
	if err != nil {
		return err
	}
	defer c.Close()
	// ID, recursion desired, one question; the root, NS, IN.
	query := []byte{0x43, 0x4e, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.Write(query); err != nil {
		return err
	}
	answer := make([]byte, 512)
	n, err := c.Read(answer)
	if err == nil && (n < len(query)-5 || answer[0] != query[0] || answer[1] != query[1]) {
		err = errors.New("it answers something else")
	}
	return err
}

// mapping is a port of the host, as runtimes hand it to portmap.
type mapping struct {
	HostPort uint16 `json:"hostPort"`
	Protocol string `json:"protocol"`
	HostIP   string `json:"hostIP"`
}

// ports connects from this node to the ports that lead to the container: from within it that
// is another way, which takes hairpinMode.
func ports(p *patient) []Finding {
	var found []Finding
	for _, a := range p.living() {
		var mappings []mapping
		_ = json.Unmarshal(a.Cached.CapabilityArgs["portMappings"], &mappings)
		gateways := slices.DeleteFunc(a.Cached.Gateways(), isOfLink)
		for _, m := range mappings {
			if strings.EqualFold(m.Protocol, "tcp") && len(gateways) > 0 {
				found = append(found, tryPort(a, gateways[0], m))
			}
		}
	}
	if found == nil {
		found = append(found, ok("there is none of TCP to try"))
	}
	return found
}

// tryPort connects to the port by the address that it is published on, or by the gateway,
// which is the node.
func tryPort(a *show.Attachment, address netip.Addr, m mapping) Finding {
	if ip, err := netip.ParseAddr(m.HostIP); err == nil && !ip.IsUnspecified() {
		address = ip
	}
	port := netip.AddrPortFrom(address, m.HostPort)
	c, err := net.DialTimeout("tcp", port.String(), patience)
	switch {
	case err == nil:
		c.Close()
		return ok("%s: %s answers", a, port)
	case errors.Is(err, unix.ECONNREFUSED):
		return warning("start what should listen in the container", "%s: nobody listens behind %s", a, port)
	}
	return fault("cni-plugins repair, if rules were flushed; else look at the firewall", "%s: %s does not answer: %v", a, port, err)
}
