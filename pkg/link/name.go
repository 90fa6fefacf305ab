package link

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// CheckName refuses a name for a new link that the kernel would not take as it is: it
// takes none of more than 15 bytes, and makes "eth%d" the first of eth0, eth1 and so on
// that is free.
func CheckName(name string) error {
	if len(name) >= unix.IFNAMSIZ {
		return fmt.Errorf("interface name %q is longer than %d characters", name, unix.IFNAMSIZ-1)
	}
	if strings.Contains(name, "%") {
		return fmt.Errorf("interface name %q has a %%, which the kernel takes for a place to put a number", name)
	}
	return nil
}
