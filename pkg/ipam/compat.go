package ipam

import (
	"context"
	"os"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// ExecAdd runs ADD of the IPAM plugin that is called plugin, found in the
// directories of CNI_PATH, with the CNI variables of the environment and netconf
// on its standard input.
func ExecAdd(plugin string, netconf []byte) (types.Result, error) {
	d, err := fromEnvironment(plugin, netconf)
	if err != nil {
		return nil, err
	}
	return d.Add(context.Background())
}

// ExecCheck runs CHECK as ExecAdd runs ADD.
func ExecCheck(plugin string, netconf []byte) error {
	return execVerb(plugin, netconf, (*Delegate).Check)
}

// ExecDel runs DEL as ExecAdd runs ADD.
func ExecDel(plugin string, netconf []byte) error {
	return execVerb(plugin, netconf, (*Delegate).Del)
}

// ExecStatus runs STATUS as ExecAdd runs ADD.
func ExecStatus(plugin string, netconf []byte) error {
	return execVerb(plugin, netconf, (*Delegate).Status)
}

func execVerb(name string, netconf []byte, verb func(*Delegate) error) error {
	d, err := fromEnvironment(name, netconf)
	if err != nil {
		return err
	}
	return verb(d)
}

// fromEnvironment makes a Delegate out of what Main made CmdArgs of.
func fromEnvironment(name string, netconf []byte) (*Delegate, error) {
	if name == "" {
		return nil, plugin.Errorf(types.ErrInvalidNetworkConfig, "no plugin name provided")
	}
	return Find(name, &plugin.CmdArgs{
		ContainerID:   os.Getenv("CNI_CONTAINERID"),
		Netns:         os.Getenv("CNI_NETNS"),
		IfName:        os.Getenv("CNI_IFNAME"),
		Args:          os.Getenv("CNI_ARGS"),
		Path:          os.Getenv("CNI_PATH"),
		NetnsOverride: os.Getenv("CNI_NETNS_OVERRIDE"),
		StdinData:     netconf,
	})
}
