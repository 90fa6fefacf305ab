package loopback

import (
	"errors"
	"fmt"
	"net"
	"slices"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// check compares lo with what ADD reported of it.
func check(args *plugin.CmdArgs) error {
	prev, err := plugin.PrevResult(args.StdinData)
	if err != nil {
		return err
	}
	lo, err := open(args.Netns)
	if err != nil {
		return err
	}
	defer lo.close()
	up, err := lo.isUp()
	if err != nil {
		return err
	}
	have, err := lo.addresses()
	if err != nil {
		return err
	}
	var errs []error
	if !up {
		errs = append(errs, errors.New("loopback interface is down"))
	}
	for _, want := range expected(prev) {
		same := func(n *net.IPNet) bool { return n.String() == want }
		if !slices.ContainsFunc(have, same) {
			errs = append(errs, fmt.Errorf("loopback interface lacks address %s", want))
		}
	}
	return plugin.Join(errs...)
}

// expected returns the loopback addresses that a result reports for lo, or the
// one that the kernel gives it if there are none: the result may be that of
// another plugin.
func expected(result *current.Result) []string {
	var addresses []string
	if result != nil {
		for _, ip := range result.IPs {
			if ip.Address.IP.IsLoopback() && isLo(result, ip.Interface) {
				addresses = append(addresses, ip.Address.String())
			}
		}
	}
	if addresses == nil {
		return []string{"127.0.0.1/8"}
	}
	return addresses
}

// isLo reports whether lo is the interface of the result with this index.
func isLo(result *current.Result, index *int) bool {
	if index == nil || *index < 0 || *index >= len(result.Interfaces) {
		return false
	}
	reported := result.Interfaces[*index]
	return reported.Name == name
}
