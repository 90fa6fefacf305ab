package integration

import (
	"os/exec"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// rootless runs ADD, CHECK and DEL of plugins in a user namespace that is made in one step
// with that of the network, as rootless runtimes do. There the kernel does not let root
// read which tables iptables' legacy variant has.
const rootless = `
mount -t tmpfs none /run
ip link set lo up
unshare -n sleep 600 & sleeper=$!
trap 'kill $sleeper' EXIT
until [ "$(readlink /proc/$sleeper/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
call() { # plugin, verb, keys
	echo "{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"type\": \"$1\", $3}" |
		CNI_COMMAND=$2 CNI_CONTAINERID=x CNI_NETNS=/proc/$sleeper/ns/net CNI_IFNAME=eth0 CNI_PATH="$BIN" "$BIN/$1"
}
result='"prevResult": {"cniVersion": "1.0.0", "ips": [{"address": "10.1.2.3/24"}]}'
for plugin in ptp bridge; do
	keys='"ipMasq": true, "isGateway": true, "removeEmptyBridge": true, "ipam": {"type": "static", "addresses": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}]}'
	made=$(call $plugin ADD "$keys")
	call $plugin CHECK "$keys, \"prevResult\": $made"
	nsenter -n -t $sleeper ping -c1 -w5 10.1.2.1 >/dev/null
	call $plugin DEL "$keys"
done
for plugin in portmap firewall; do
	keys='"runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}, '$result
	for verb in ADD CHECK DEL; do call $plugin $verb "$keys" >/dev/null; done
done
[ -z "$(ip -o link show type veth)$(ip -o link show type bridge)" ]
! nft list ruleset | grep -e 10.1.2 -e 8080
`

func TestUserNamespace(t *testing.T) {
	t.Parallel()
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "-Urnm", "sh", "-ec", rootless)
	cmd.Env = append(cmd.Environ(), "BIN="+bin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}
