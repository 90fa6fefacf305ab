package static

import (
	"net"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
)

// request is what CNI_ARGS asks for.
type request struct {
	ips      []*current.IPConfig
	gateways []net.IP
}

// parseArgs reads CNI_ARGS: IP, addresses in CIDR notation, and GATEWAY, both
// separated by commas.
func parseArgs(text string) (request, error) {
	var (
		args struct {
			types.CommonArgs
			IP      types.UnmarshallableString
			GATEWAY types.UnmarshallableString
		}
		r request
	)
	if err := types.LoadArgs(text, &args); err != nil {
		return r, invalid("%w", err)
	}
	for _, item := range list(args.IP) {
		address, err := types.ParseCIDR(item)
		if err != nil {
			return r, invalid("the 'ip' field is expected to be in CIDR notation, got: '%s'", item)
		}
		r.ips = append(r.ips, &current.IPConfig{Address: *address})
	}
	for _, item := range list(args.GATEWAY) {
		gateway := net.ParseIP(item)
		if gateway == nil {
			return r, invalid("invalid gateway address: %s", item)
		}
		r.gateways = append(r.gateways, gateway)
	}
	return r, nil
}

// list splits a value at its commas. The empty value is no item.
func list(value types.UnmarshallableString) []string {
	if value == "" {
		return nil
	}
	items := strings.Split(string(value), ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}

// complete appends the requested addresses to the configured ones and gives
// each address without gateway the requested one that is in its subnet, the
// last if there are several.
func (r request) complete(configured []*current.IPConfig) []*current.IPConfig {
	ips := append(configured, r.ips...)
	for _, ip := range ips {
		if ip.Gateway != nil {
			continue
		}
		for _, gateway := range r.gateways {
			if ip.Address.Contains(gateway) {
				ip.Gateway = gateway
			}
		}
	}
	return ips
}
