// Idle is a plugin, and an IPAM plugin, that does nothing: each call prints the same result. What
// a runtime takes for a pod with it, it takes for itself and for starting processes.
package main

import "fmt"

func main() {
	fmt.Print(`{"cniVersion": "1.0.0", "supportedVersions": ["1.0.0"], "interfaces": [{"name": "eth0", "sandbox": "/"}], "ips": [{"interface": 0, "address": "192.0.2.200/32"}]}`)
}
