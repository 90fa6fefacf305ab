package link

import (
	"fmt"
	"strings"
)

// CheckName refuses a name for a new link that the kernel would not take as it is: it
// makes "eth%d" the first of eth0, eth1 and so on that is free.
func CheckName(name string) error {
	if strings.Contains(name, "%") {
		return fmt.Errorf("interface name %q has a %%, which the kernel takes for a place to put a number", name)
	}
	return nil
}
