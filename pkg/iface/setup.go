package iface

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// SetUp says how the container's interface treats IPv6.
type SetUp struct {
	// Detect makes the kernel look whether addresses are in use (RFC 4862,
	// section 5.4), and Apply wait for that. Addresses with IFA_F_NODAD are
	// exempt.
	Detect bool
	// AcceptRA says whether it accepts router advertisements. Default: as the
	// namespace has it.
	AcceptRA *bool
}

// Prepare makes the settings of the container's interface, which is down. It
// belongs into Create, which runs while the IPAM plugin starts. Only what
// somebody asked for may not fail.
func (s SetUp) Prepare(a *Attachment, hasIPAM bool) error {
	return a.Container.Do(func() error { return s.setSysctls(a.IfName, hasIPAM) })
}

// Config returns the addresses and routes of a result, of which the container's
// interface has all. Routes without gateway go through the first one of their
// family, and gateways outside the subnets count as on the link.
func (s SetUp) Config(result *current.Result) ip.Config {
	var config ip.Config
	for _, address := range result.IPs {
		config.Addrs = append(config.Addrs, netlink.Addr{IPNet: &address.Address, Flags: s.detection(address.Address.IP)})
	}
	onLink := func(hop net.IP) bool {
		return slices.ContainsFunc(config.Addrs, func(a netlink.Addr) bool { return a.Contains(hop) })
	}
	gateway4, gateway6 := ip.FirstGateways(result.IPs)
	for _, route := range ip.Routes(result.Routes, gateway4, gateway6) {
		config.Routes = append(config.Routes, ip.OnLink(route, onLink))
	}
	return config
}

// detection relies on the IPAM plugin, which made the address unique, unless told
// not to.
func (s SetUp) detection(address net.IP) int {
	if s.Detect {
		return 0
	}
	return ip.NoDetection(address)
}

// Apply gives the container's interface its addresses and routes, sets it up, and
// waits until it sends packets and its addresses work. Without a carrier there is no
// wait.
func (s SetUp) Apply(a *Attachment, config ip.Config) error {
	return s.apply(a, config, func() error { return config.Apply(a.Container, a.link) })
}

// ApplyOn is Apply for an interface on another one, of the namespace at.
func (s SetUp) ApplyOn(a *Attachment, at *link.Namespace, config ip.Config) error {
	return s.apply(a, config, func() error { return config.ApplyOn(a.Context, at, a.Container, a.link) })
}

func (s SetUp) apply(a *Attachment, config ip.Config, apply func() error) error {
	arrival, err := config.Watch(a.Container, a.link)
	if err != nil {
		return err
	}
	defer arrival.Close()
	if err := apply(); err != nil {
		return err
	}
	if carried, err := a.Container.AwaitUpIfCarried(a.Context, a.link); err != nil || !carried {
		return err
	}
	if s.Detect && config.HasIPv6() {
		err := a.Container.Do(func() error { return ip.SettleAddresses(a.IfName, ip.DetectionTime) })
		if err != nil {
			return fmt.Errorf("failed to settle addresses for %q: %w", a.IfName, err)
		}
	}
	return arrival.Await(a.Context)
}

// setSysctls works inside the container's namespace.
func (s SetUp) setSysctls(name string, hasIPAM bool) error {
	v6 := "net/ipv6/conf/" + name + "/"
	if hasIPAM {
		ip.EnableAnnouncements(name)
	}
	switch {
	case hasIPAM && s.Detect:
		sysctl.Prefer(v6+"enhanced_dad", "1")
		if err := sysctl.Ensure(v6+"accept_dad", "1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("make %q detect duplicate addresses: %w", name, err)
		}
	case hasIPAM:
		ip.SkipDetection(name)
	}
	if s.AcceptRA == nil {
		return nil
	}
	accept := "0"
	if *s.AcceptRA {
		accept = "2" // also if the container forwards packets
	}
	if err := sysctl.Ensure(v6+"accept_ra", accept); err != nil {
		return fmt.Errorf("set whether %q accepts router advertisements: %w", name, err)
	}
	return nil
}
