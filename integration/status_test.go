package integration

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// wrapped returns the call as one that a command, with options, makes.
func wrapped(t *testing.T, call node.Call, command string) node.Call {
	t.Helper()
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	wrapper := filepath.Join(t.TempDir(), call.Plugin)
	script := fmt.Sprintf("#!/bin/sh\nexec %s %s\n", command, filepath.Join(bin, call.Plugin))
	node.WriteProgram(t, wrapper, script)
	if call.Plugin, err = filepath.Rel(bin, wrapper); err != nil {
		t.Fatal(err)
	}
	return call
}

// STATUS tries once what the kernel can, and knows it until the next boot.
func TestStatusRemembers(t *testing.T) {
	t.Parallel()
	network := func(plugin, keys string) node.Call {
		return node.Call{Plugin: plugin, Config: fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "net", "type": %q%s}`, plugin, keys)}
	}
	for _, test := range []struct {
		call node.Call
		// tries says that the plugin makes something to see whether the kernel can.
		tries bool
		needs func(*testing.T, *node.Node)
	}{
		{call: network("bandwidth", `, "ingressRate": 8000, "ingressBurst": 8000`), tries: true},
		{call: network("bandwidth", `, "ingressRate": 8000, "ingressBurst": 8000, "egressRate": 8000, "egressBurst": 8000`), tries: true},
		{call: network("bandwidth", `, "egressRate": 8000, "egressBurst": 8000, "shapedSubnets": ["10.0.0.0/8"]`), tries: true},
		{call: network("bandwidth", `, "ingressRate": 0, "capabilities": {"bandwidth": true}`)},
		{call: network("vrf", `, "vrfname": "red"`), tries: true, needs: func(t *testing.T, n *node.Node) { needsDriver(t, n, "vrf") }},
		{call: network("dummy", ""), tries: true, needs: func(t *testing.T, n *node.Node) { needsDriver(t, n, "dummy") }},
		{call: network("macvlan", `, "linkInContainer": true, "master": "uplink"`), tries: true},
		{call: network("bridge", `, "vlan": 100`), tries: true, needs: needsVLANs},
		{call: network("sbr", "")},
		{call: network("tuning", `, "mtu": 1400`)},
		{call: network("firewall", `, "backend": "iptables"`)},
		{call: network("portmap", `, "capabilities": {"portMappings": true}`)},
	} {
		t.Run(test.call.Config, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			if test.needs != nil {
				test.needs(t, n)
			}
			powerless := wrapped(t, test.call, "setpriv --bounding-set -all,+sys_admin --inh-caps -all")
			before := n.Run(t, "STATUS", powerless).Err()
			if test.tries != (before != nil) {
				t.Errorf("before it has been tried: %v", before)
			}
			n.Must(t, "STATUS", test.call)
			n.Must(t, "STATUS", powerless)
			n.Exec(t, "sh", "-ec", `echo 11111111-2222-3333-4444-555555555555 >/run/boot
				mount --bind /run/boot /proc/sys/kernel/random/boot_id`)
			if err := n.Run(t, "STATUS", powerless).Err(); test.tries != (err != nil) {
				t.Errorf("after a reboot: %v", err)
			}
		})
	}
}

// A kernel whose bridges cannot tell VLANs apart is named before a container needs them.
func TestStatusOfVLANs(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	call := node.Call{
		Plugin: "bridge", ContainerID: "c", Netns: n.Container(t, "c").Path, IfName: "eth0",
		Config: `{"cniVersion": "1.1.0", "name": "net", "type": "bridge", "vlan": 100}`,
	}
	status, add := n.Run(t, "STATUS", call).Err(), n.Run(t, "ADD", call).Err()
	if (status == nil) != (add == nil) {
		t.Errorf("STATUS says %v, and ADD %v", status, add)
	}
	const lacks = `bridge: bridge "cni0": the kernel lacks bridge VLAN filtering`
	if status != nil && status.Error() != lacks {
		t.Errorf("STATUS says %v, want %s", status, lacks)
	}
}

// What only some attachments ask for is nothing to STATUS: a runtime would refuse all
// pods of the node.
func TestStatusOfCapabilities(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", `mkdir /run/cni; mount -t tmpfs -o ro none /run/cni
		for tool in iptables-restore nft; do mount --bind /dev/null "$(command -v $tool)"; done`)
	for _, test := range []struct{ plugin, keys, want string }{
		{"portmap", `"backend": "iptables"`, ""},
		{"portmap", `"backend": "iptables", "runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}`,
			"portmap: iptables is not installed"},
		{"portmap", `"backend": "nftables", "runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}`,
			"portmap: write /run/cni: read-only file system"},
		{"portmap", `"backend": "nftables", "conditionsV4": ["tcp", "sport", "80"],
			"runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}`,
			"portmap: conditions: nft is not installed"},
		{"portmap", `"backend": "ebtables"`, `portmap: failed to parse config: unrecognized backend "ebtables"`},
		{"tuning", `"capabilities": {"mac": true}`, ""},
		{"tuning", `"promisc": true`, "tuning: write /run/cni: read-only file system"},
		{"firewall", `"backend": "iptables"`, "firewall: iptables is not installed; write /run/cni: read-only file system"},
		{"host-device", `"device": "lo"`, "host-device: write /run/cni: read-only file system"},
		{"sbr", `"table": 100`, "sbr: write /run/cni: read-only file system"},
		{"bandwidth", `"capabilities": {"bandwidth": true}`, ""},
		{"bandwidth", `"egressRate": 1`, "bandwidth: if rate is set, burst must also be set"},
		{"ptp", `"ipMasq": true, "ipMasqBackend": "iptables"`, "ptp: ipMasq: iptables is not installed"},
		{"bridge", `"ipam": {"type": "static", "addresses": [{"address": "x"}]}`,
			"bridge: static: the 'address' field is expected to be in CIDR notation, got: 'x'"},
	} {
		call := node.Call{Plugin: test.plugin, Config: `{"cniVersion": "1.1.0", "name": "net", "type": "x", ` + test.keys + `}`}
		err := n.Run(t, "STATUS", call).Err()
		if (err != nil || test.want != "") && (err == nil || err.Error() != test.want) {
			t.Errorf("%s %s:\ngot  %v\nwant %s", test.plugin, test.keys, err, test.want)
		}
	}
}
