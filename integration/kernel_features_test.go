package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/node"
)

// feature is something that some kernels have, and that plugins find out by trying.
type feature struct {
	name string
	// since is the first version of Linux that has it: major and minor. Of others that depends on
	// how the kernel was built.
	since [2]int
	// without says what plugins do without it.
	without string
	has     func(t *testing.T, n *node.Node) bool
}

// works makes a feature of a script that succeeds where the kernel has it.
func works(script string) func(*testing.T, *node.Node) bool {
	return func(t *testing.T, n *node.Node) bool {
		t.Helper()
		return n.Exec(t, "sh", "-c", "("+script+") >/dev/null 2>&1 && echo yes || true") != ""
	}
}

// driven is a kind of interface.
func driven(kind string) func(*testing.T, *node.Node) bool {
	return func(t *testing.T, n *node.Node) bool { return hasDriver(t, n, kind) }
}

// tried is a feature that a function finds inside the node.
func tried(has func() (bool, error)) func(*testing.T, *node.Node) bool {
	return func(t *testing.T, n *node.Node) (found bool) {
		t.Helper()
		err := n.Do(func() (err error) {
			found, err = has()
			return err
		})
		if err != nil {
			t.Error(err)
		}
		return found
	}
}

// features are the rows of a table in docs/kernels.md, in order.
var features = []feature{
	{"nftables for `inet`", [2]int{}, "backend `nftables` fails, by STATUS of all but portmap as well; iptables does the same",
		works("nft add table inet probe")},
	{"nftables for `bridge`", [2]int{}, "`macspoofchk` of bridge fails, by STATUS as well",
		works("nft add table bridge probe")},
	{"iptables in nftables", [2]int{}, "rules are those of iptables' legacy variant, which plugins find as well",
		works("iptables-nft -t nat -N probe")},
	{"elements of nftables that are told to expire", expiresSince, "DEL with the backend `nftables`, or `macspoofchk`, deletes them, which waits for the kernel (10 ms)",
		works(`nft 'add table inet probe; add set inet probe s { type ipv4_addr; flags timeout; }; add element inet probe s { 10.0.0.1 timeout 1h }'
			nft 'add element inet probe s { 10.0.0.1 timeout 10ms }' && sleep 1
			nft list table inet probe && ! nft get element inet probe s '{ 10.0.0.1 }'`)},
	{"connections are tracked", [2]int{}, "no masquerade, no ports", works("conntrack -L")},
	{"bridged packets pass iptables (br_netfilter)", [2]int{}, "containers of one bridge reach each other directly, whatever iptables says",
		works("ls /proc/sys/net/bridge/bridge-nf-call-iptables")},
	{"VLANs in bridges", [2]int{}, "`vlan`, `vlanTrunk` of bridge fail, by STATUS as well", works("ip link add probe type bridge vlan_filtering 1")},
	{"driver dummy", [2]int{}, "dummy fails, by STATUS as well", driven("dummy")},
	{"driver ipvlan", [2]int{}, "ipvlan fails, by STATUS as well", driven("ipvlan")},
	{"driver macvlan", [2]int{}, "macvlan fails, by STATUS as well", driven("macvlan")},
	{"driver tun", [2]int{}, "tap fails, by STATUS as well", works("ip tuntap add probe mode tap")},
	{"driver 8021q", [2]int{}, "vlan fails, by STATUS as well", driven("vlan")},
	{"driver vrf", [2]int{}, "vrf fails, by STATUS as well", driven("vrf")},
	{"driver ifb", [2]int{}, "egress limits of bandwidth fail, by STATUS as well", driven("ifb")},
	{"tbf", [2]int{}, "bandwidth fails, by STATUS as well", works("tc qdisc add dev lo root tbf rate 1mbit burst 10k latency 1ms")},
	{"htb", [2]int{}, "`shapedSubnets` and `unshapedSubnets` of bandwidth fail, by STATUS as well", works("tc qdisc add dev lo root htb")},
	{"fq_codel", [2]int{}, "`discipline` of bandwidth fails, by STATUS as well", works("tc qdisc add dev lo root fq_codel")},
	{"cake", [2]int{}, "`discipline` of bandwidth fails, by STATUS as well", works("tc qdisc add dev lo root cake")},
	{"a namespace tells which it is (cookie)", [2]int{5, 14}, "the number of its inode stands for it, which another one may get later", tried(hasCookies)},
	{"the answer to a new interface has it (NLM_F_ECHO)", echoesSince, "bridge and ptp ask for it, one message more", tried(echoesLinks)},
	{"an interface that is asked for is up to date", [2]int{6, 8}, "ADD waits for the notification that it is up", tried(syncsCarrier)},
	{"an interface that is up gets another name", [2]int{6, 2}, "`ip.RenameLink` wants it down; no plugin renames one that is up",
		works("ip link add probe up type veth && ip link set probe name other")},
	{"files without a name in overlayfs", [2]int{6, 2}, "records have a name of their own until they are complete", tried(hasNamelessInOverlay)},
	{"who made a file may name it without a capability", [2]int{6, 10}, "it is named by its path in /proc", tried(namesWithoutCapability)},
	{"user namespaces", [2]int{}, "no rootless runtimes", works("unshare --user --map-root-user --net true")},
}

// What the kernel of a version is said to have it has, and no earlier one. CNI_TEST_REPORT names a
// file for the rows of the table.
func TestKernelFeatures(t *testing.T) {
	t.Parallel()
	for _, f := range features {
		t.Run(f.name, func(t *testing.T) {
			has := f.has(t, node.New(t))
			if f.since != [2]int{} && has != kernelIs(t, f.since) {
				t.Errorf("the kernel has it: %v. It is said to be there since %d.%d", has, f.since[0], f.since[1])
			}
			row := fmt.Sprintf("feature\t%s\t%s\t%v\n", f.title(), f.without, has)
			t.Log(row)
			writeReport(t, row)
		})
	}
}

// kernelIs reports whether the kernel is of a version or a later one.
func kernelIs(t testing.TB, since [2]int) bool {
	t.Helper()
	var own unix.Utsname
	if err := unix.Uname(&own); err != nil {
		t.Fatal(err)
	}
	var version [2]int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(own.Release[:]), "%d.%d", &version[0], &version[1]); err != nil {
		t.Fatal(err)
	}
	return slices.Compare(version[:], since[:]) >= 0
}

// The first versions that tell, in the answer to a new interface, what has been made, and that let the
// timeout of an element of nftables change. Before, plugins ask for more.
var (
	echoesSince  = [2]int{6, 2}
	expiresSince = [2]int{6, 12}
)

func (f feature) title() string {
	if f.since == [2]int{} {
		return f.name
	}
	return fmt.Sprintf("%s: Linux %d.%d", f.name, f.since[0], f.since[1])
}

func hasCookies() (bool, error) {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(socket)
	_, err = unix.GetsockoptUint64(socket, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	return err == nil, nil
}

func echoesLinks() (bool, error) {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK|unix.NLM_F_ECHO)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("probe")))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	req.AddData(info)
	answers, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	return len(answers) > 0, err
}

// syncsCarrier takes the carrier away, several times in a second, and looks at once. A kernel that does not
// see to it takes its time from the second time on.
func syncsCarrier() (bool, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "probe"
	tap := &netlink.Tuntap{LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TAP, NonPersist: true, Queues: 1, Flags: netlink.TUNTAP_DEFAULTS}
	if err := netlink.LinkAdd(tap); err != nil {
		return false, err
	}
	defer tap.Fds[0].Close()
	if err := netlink.LinkSetUp(tap); err != nil {
		return false, err
	}
	for range 5 {
		for _, carrier := range []int{1, 0} {
			if err := unix.IoctlSetPointerInt(int(tap.Fds[0].Fd()), unix.TUNSETCARRIER, carrier); err != nil {
				return false, err
			}
		}
		now, err := netlink.LinkByName(attrs.Name)
		if err != nil || now.Attrs().OperState != netlink.OperDown {
			return false, err
		}
		if err := unix.IoctlSetPointerInt(int(tap.Fds[0].Fd()), unix.TUNSETCARRIER, 1); err != nil {
			return false, err
		}
		if now, err = netlink.LinkByName(attrs.Name); err != nil || now.Attrs().OperState == netlink.OperDown {
			return false, err
		}
	}
	return true, nil
}

// below are the folders of an overlay in the node's /run.
const below = "/run/probe"

func hasNamelessInOverlay() (bool, error) {
	folder := map[string]string{}
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		folder[name] = filepath.Join(below, name)
		if err := os.MkdirAll(folder[name], 0o755); err != nil {
			return false, err
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", folder["lower"], folder["upper"], folder["work"])
	if err := unix.Mount("overlay", folder["merged"], "overlay", 0, options); err != nil {
		return false, fmt.Errorf("mount an overlay: %w", err)
	}
	file, err := unix.Open(folder["merged"], unix.O_TMPFILE|unix.O_WRONLY, 0o600)
	if err != nil {
		return false, nil
	}
	return true, unix.Close(file)
}

// namesWithoutCapability takes the capability from its thread, which ends with that, before it makes
// the file.
func namesWithoutCapability() (bool, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false, err
	}
	data[0].Effective &^= 1 << unix.CAP_DAC_READ_SEARCH
	if err := unix.Capset(&header, &data[0]); err != nil {
		return false, err
	}
	file, err := unix.Open("/run", unix.O_TMPFILE|unix.O_WRONLY, 0o600)
	if err != nil {
		return false, err
	}
	defer unix.Close(file)
	err = unix.Linkat(file, "", unix.AT_FDCWD, "/run/probe", unix.AT_EMPTY_PATH)
	return err == nil, nil
}
