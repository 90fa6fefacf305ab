package iface

import (
	"fmt"
	"os"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/check/verdict"
	"github.com/containernetworking/plugins/pkg/ipam"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// check asks the IPAM plugin, compares the kernel with what ADD made, and
// reports all that differs. It changes nothing.
func (v verbs) check(args *plugin.CmdArgs) error {
	d, err := v.load(args.StdinData)
	if err != nil {
		return err
	}
	given, err := forDelegate(d, args)
	if err != nil {
		return err
	}
	delegate, err := ipam.Find(d.base().IPAM.Type, given)
	if err != nil {
		return err
	}
	call := delegate.Start("CHECK")
	defer call.Abandon()
	call.Begin()
	result, err := plugin.PrevResult(args.StdinData)
	if err != nil {
		return err
	}
	if result == nil {
		return plugin.Errorf(types.ErrInvalidNetworkConfig, "required prevResult missing")
	}
	a, err := d.base().open(args)
	if err != nil {
		return err
	}
	defer a.close()
	d.base().DefaultRoute.Apply(result)
	a.Result = result
	if a.index, err = containerInterface(result, args); err != nil {
		return err
	}
	if a.link, err = a.Container.LinkByName(args.IfName); err != nil && !link.IsNotFound(err) {
		return fmt.Errorf("look %q up: %w", args.IfName, err)
	}
	plugin.Step("expect")
	container, host, err := d.Expect(a)
	plugin.Step("delegate")
	asked := call.Wait()
	plugin.Step("compare")
	differences := plugin.Join(err, asked, compare(a.Container, container), compare(a.Host, host))
	return verdict.Of(args.StdinData, differences)
}

func compare(n *link.Namespace, expected []check.Expect) error {
	var errs []error
	for _, e := range expected {
		errs = append(errs, e.Compare(n))
	}
	return plugin.Join(errs...)
}

// containerInterface returns the index of the attachment's interface in the
// result.
func containerInterface(result *current.Result, args *plugin.CmdArgs) (int, error) {
	for i, reported := range result.Interfaces {
		if reported.Name == args.IfName && reported.Sandbox != "" {
			if !sameFile(reported.Sandbox, args.Netns) {
				return 0, plugin.Errorf(types.ErrInvalidNetworkConfig,
					"sandbox in prevResult %s doesn't match configured netns: %s", reported.Sandbox, args.Netns)
			}
			return i, nil
		}
	}
	return 0, plugin.Errorf(types.ErrInvalidNetworkConfig, "container interface %s not found in prevResult", args.IfName)
}

// sameFile compares paths of a namespace, which may have several.
func sameFile(a, b string) bool {
	if a == b {
		return true
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// Expect describes the container's interface as the result reports it.
func (a *Attachment) Expect(kind string) check.Expect {
	reported := a.Result.Interfaces[a.index]
	return check.Expect{Name: reported.Name, Kind: kind, MAC: reported.Mac, MTU: reported.Mtu, Alone: true}
}

// ExpectHost describes an interface of the host that the result has to report.
func (a *Attachment) ExpectHost(name, kind string) (check.Expect, error) {
	for _, reported := range a.Result.Interfaces {
		if reported.Sandbox == "" && reported.Name == name {
			return check.Expect{Name: name, Kind: kind, MAC: reported.Mac, MTU: reported.Mtu}, nil
		}
	}
	return check.Expect{}, plugin.Errorf(types.ErrInvalidNetworkConfig, "interface %s not found in prevResult", name)
}

// ExpectPeer describes the host's end of a veth pair: the result's interface
// that is in no sandbox and is none of the others.
func (a *Attachment) ExpectPeer(others ...string) (check.Expect, error) {
	for _, reported := range a.Result.Interfaces {
		if reported.Sandbox != "" || slices.Contains(others, reported.Name) {
			continue
		}
		e, err := a.ExpectHost(reported.Name, "veth")
		if a.link != nil {
			e.Peer = a.link.Attrs().Index
		}
		return e, err
	}
	return check.Expect{}, plugin.Errorf(types.ErrInvalidNetworkConfig, "no host interface found in prevResult")
}
