package netdev

import (
	"fmt"
	"net"
)

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
