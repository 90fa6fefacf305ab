package netdev

import (
	"fmt"
	"net"

	"github.com/containernetworking/cni/pkg/types"
)

// MACInArgs returns the value of MAC in CNI_ARGS, "" if there is none. Other keys are an error
// unless IgnoreUnknown is true.
func MACInArgs(cniArgs string) (string, error) {
	args := struct {
		types.CommonArgs
		MAC types.UnmarshallableString
	}{}
	err := types.LoadArgs(cniArgs, &args)
	return string(args.MAC), err
}

// ParseMAC reads a hardware address that somebody configured; the empty text
// stands for none.
func ParseMAC(text string) (net.HardwareAddr, error) {
	if text == "" {
		return nil, nil
	}
	mac, err := net.ParseMAC(text)
	if err != nil {
		return nil, fmt.Errorf("invalid args %v for MAC addr: %w", text, err)
	}
	return mac, nil
}
