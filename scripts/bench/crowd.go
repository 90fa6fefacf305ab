package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/spoof"
)

// crowded is the network of the attachments that are there beside the measured one.
const crowded = "crowd"

// gather gives n attachments the rules that a bridge with nftables masquerade and
// macspoofchk gives them.
func gather(n int) error {
	backend := "nftables"
	masquerade, err := nat.Open(&backend)
	if err != nil {
		return err
	}
	for i := range n {
		a := owner.Attachment{Network: crowded, ContainerID: fmt.Sprintf("container%d", i), IfName: "eth0"}
		low, high := byte(i), byte(i>>8)
		address := &net.IPNet{IP: net.IPv4(10, 1, 128+high, low), Mask: net.CIDRMask(16, 32)}
		if err := masquerade.Add(a, []*net.IPNet{address}, nat.Options{}); err != nil {
			return fmt.Errorf("masquerade %v: %w", address, err)
		}
		port := spoof.Port{Name: fmt.Sprintf("crowd%d", i), MAC: net.HardwareAddr{2, 0, 0, 0, high, low}}
		if err := spoof.Add(a, port); err != nil {
			return fmt.Errorf("restrict %s: %w", port.Name, err)
		}
	}
	return nil
}

// disperse takes the rules away again.
func disperse(n int) error {
	if n == 0 {
		return nil
	}
	return errors.Join(nat.GC(crowded, nil), spoof.GC(crowded, nil))
}
