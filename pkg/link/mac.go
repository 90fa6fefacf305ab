package link

import (
	"crypto/rand"
	"fmt"
	"net"
)

// ChooseMAC returns the hardware address that somebody asked for or, if nobody did,
// a random unicast one, administered locally, for the message that makes a link.
// Left to itself the kernel would choose the like, but mark it as its own choice
// (addr_assign_type in sysfs), and systemd-udevd, by its default MACAddressPolicy,
// replaces those of links on the host some milliseconds later.
func ChooseMAC(asked net.HardwareAddr) (net.HardwareAddr, error) {
	if len(asked) > 0 {
		return asked, nil
	}
	mac := make(net.HardwareAddr, 6)
	if _, err := rand.Read(mac); err != nil {
		return nil, fmt.Errorf("choose a MAC address: %w", err)
	}
	mac[0] = mac[0]&^1 | 2
	return mac, nil
}
