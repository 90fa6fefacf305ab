package validate

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netlinksafe"
)

// route is one of the node's: to where, and by which interface.
type route struct {
	netip.Prefix
	dev string
}

// routes returns those of the main table to networks other than the whole world. What
// cannot be read is left out: the node need not be the one that the configuration is for.
func routes() []route {
	links, err := netlinksafe.LinkList()
	if err != nil {
		return nil
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	listed, err := netlinksafe.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil
	}
	var all []route
	for _, r := range listed {
		if r.Dst == nil || r.Type != unix.RTN_UNICAST {
			continue
		}
		address, _ := netip.AddrFromSlice(r.Dst.IP)
		length, bits := r.Dst.Mask.Size()
		if length == 0 || length == bits || address.IsLinkLocalUnicast() {
			continue // a single address may be that of a container
		}
		index := r.LinkIndex
		if len(r.MultiPath) > 0 {
			index = r.MultiPath[0].LinkIndex
		}
		all = append(all, route{netip.PrefixFrom(address.Unmap(), length), names[index]})
	}
	return all
}

// lookAround compares the configurations with the node: its routes, and the plugins in the
// directories of binaries.
func (c *configurations) lookAround(routes []route, binDirs []string) {
	for _, n := range c.networks {
		for _, of := range n.plugins {
			c.compareRoutes(of, routes)
			c.findPlugin(of, "type", of.Type, binDirs)
			c.findPlugin(of, "ipam.type", of.IPAM.Type, binDirs)
		}
	}
}

// compareRoutes finds subnets to which the node has another way.
func (c *configurations) compareRoutes(of conf, routes []route) {
	if !of.isRouted() {
		return
	}
	for _, s := range of.subnets() {
		for _, r := range routes {
			own := of.bridge() != "" && (r.dev == of.bridge() || strings.HasPrefix(r.dev, of.bridge()+"."))
			if !own && r.Overlaps(s.Prefix) {
				c.warn(of, s.place, "%v overlaps with the node's route to %v by %s", s.Prefix, r.Prefix, r.dev)
			}
		}
	}
}

// findPlugin looks for a plugin as runtimes do.
func (c *configurations) findPlugin(of conf, place, name string, dirs []string) {
	if name == "" || len(dirs) == 0 {
		return
	}
	there := slices.ContainsFunc(dirs, func(dir string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
	})
	if !there {
		c.warn(of, place, "there is no plugin %q in %s", name, strings.Join(dirs, ":"))
	}
}
