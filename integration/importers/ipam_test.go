package importers

import (
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/ipam"
)

// pkg/ipam: SR-IOV CNI, ovs-cni, AWS VPC CNI, Calico, Antrea.
var (
	_ func(string, []byte) (types.Result, error) = ipam.ExecAdd
	_ func(string, []byte) error                 = ipam.ExecCheck
	_ func(string, []byte) error                 = ipam.ExecDel
	_ func(string, []byte) error                 = ipam.ExecStatus
	_ func(string, *current.Result) error        = ipam.ConfigureIface
)

const (
	_ string = ipam.DisableIPv6SysctlTemplate
	_ string = ipam.KeepAddrOnDownSysctlTemplate
)
