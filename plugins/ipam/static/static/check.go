package static

import (
	"fmt"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// check compares the addresses that ADD would return now with those that the
// attachment was made with.
func check(args *plugin.CmdArgs) error {
	conf, err := load(args.StdinData)
	if err != nil {
		return err
	}
	want, err := conf.result(args.Args)
	if err != nil {
		return err
	}
	have, err := plugin.PrevResult(args.StdinData)
	if err != nil {
		return err
	}
	if have == nil {
		return invalid("Required prevResult missing")
	}
	return compare(want.IPs, have.IPs, args.IfName)
}

// compare returns one error for all differences. A gateway counts if the
// configuration names one of the address's family: otherwise the plugin that made the
// interface may have chosen one, as bridge does.
func compare(want, have []*current.IPConfig, ifName string) error {
	reported := make(map[string]*current.IPConfig, len(have))
	for _, ip := range have {
		reported[ip.Address.String()] = ip
	}
	var errs []error
	for _, ip := range want {
		text := ip.Address.String()
		switch found := reported[text]; {
		case found == nil:
			errs = append(errs, fmt.Errorf("prevResult lacks address %s", text))
		case ip.Gateway != nil && (ip.Gateway.To4() == nil) == (ip.Address.IP.To4() == nil) && !ip.Gateway.Equal(found.Gateway):
			errs = append(errs, fmt.Errorf("static: Failed to match addr %v on interface %v", ip.Address.IP, ifName))
		}
		delete(reported, text)
	}
	for _, ip := range have {
		if text := ip.Address.String(); reported[text] != nil {
			errs = append(errs, fmt.Errorf("prevResult has address %s, which is not configured", text))
			delete(reported, text)
		}
	}
	return plugin.Join(errs...)
}
