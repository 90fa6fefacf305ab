package main

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/plugin/flagset"
)

// config is how the agent is to run; newConfig has checked it.
type config struct {
	// nodeName is the name of the Node that the agent runs on.
	nodeName string
	// server is the URL of the API server, or empty: that of the Service kubernetes.
	server string
	// kubeconfig is a path, or empty: the pod's service account is used.
	kubeconfig string

	conflist conflist
	// stateDir is where runtimes and plugins keep their state.
	stateDir string

	// direct says whether to make routes to the other nodes' podCIDRs.
	direct bool
	// overlay says whether to make a VXLAN for the nodes that are not on the link.
	overlay bool
	// vxlanID and vxlanPort are its network identifier and UDP port.
	vxlanID, vxlanPort int

	// masquerade says whether to masquerade what leaves the cluster.
	masquerade bool
	// clusterCIDRs are where nothing is masqueraded. None: all podCIDRs of the cluster.
	clusterCIDRs []netip.Prefix

	// criSocket is the path of the runtime's socket, or empty: no gc.
	criSocket           string
	gcInterval, gcGrace time.Duration

	// listen is the address for metrics and health.
	listen string

	// stay says that uninstall does not exit when it is done.
	stay bool
}

// newConfig reads the arguments.
func newConfig(args []string) (config, error) {
	var c config
	var network, routes, overlay string
	flags := flag.NewFlagSet("cni-plugins-agent", flag.ContinueOnError)
	flags.StringVar(&c.nodeName, "node-name", os.Getenv("NODE_NAME"), "the `name` of this node; default: $NODE_NAME")
	flags.StringVar(&c.server, "server", "", "the `URL` of the API server; default: the Service kubernetes, which takes a kube-proxy")
	flags.StringVar(&c.kubeconfig, "kubeconfig", "", "the `file` that says how to reach the API server; default: the pod's service account")
	flags.StringVar(&network, "network", "ptp", "what containers are connected by unless there is a template: `ptp or bridge`")
	flags.StringVar(&c.conflist.template, "template", "", "the `file` with a template of the conflist")
	flags.StringVar(&c.conflist.confDir, "conf-dir", "/etc/cni/net.d", "the `directory` where runtimes look for network configurations")
	flags.StringVar(&c.conflist.binDir, "bin-dir", "/opt/cni/bin", "the `directory` where runtimes look for plugins")
	flags.StringVar(&c.stateDir, "state-dir", "/var/lib/cni", "the `directory` of libcni's results and host-local's leases")
	flags.StringVar(&routes, "routes", "direct", "`direct`: make routes to other nodes; none: somebody else does")
	flags.StringVar(&overlay, "overlay", "none", "`vxlan`: reach nodes that are not on the link through a VXLAN; none: do not")
	flags.IntVar(&c.vxlanID, "vxlan-id", 4096, "the VXLAN's network `identifier`, 1 to 16777215")
	flags.IntVar(&c.vxlanPort, "vxlan-port", 4789, "the VXLAN's UDP `port`")
	flags.BoolVar(&c.masquerade, "masquerade", true, "let what leaves the cluster have the node's address")
	flags.Func("cluster-cidr", "`prefixes`, separated by commas, where nothing is masqueraded; default: the podCIDRs of all nodes", func(text string) (err error) {
		c.clusterCIDRs, err = parsePrefixes(strings.Split(text, ","))
		return err
	})
	flags.StringVar(&c.criSocket, "cri-socket", "/run/containerd/containerd.sock", "the `path` of the runtime's socket, for gc; empty: no gc")
	flags.DurationVar(&c.gcInterval, "gc-interval", 5*time.Minute, "how often attachments are removed that the runtime does not know")
	flags.DurationVar(&c.gcGrace, "gc-grace", 5*time.Minute, "how old an attachment must be for that; not less than the kubelet gives the runtime to start a pod, 4m")
	flags.StringVar(&c.listen, "listen", "127.0.0.1:9474", "the `address` for /metrics, /healthz and /readyz; empty: none")
	flags.BoolVar(&c.stay, "stay", false, "with uninstall: do not exit when all is removed, as a DaemonSet's pod must not")
	if err := flagset.Parse(flags, args); err != nil {
		return config{}, err
	}
	if err := c.choose(network, routes, overlay); err != nil {
		return config{}, fmt.Errorf("%w: %w", plugin.ErrUsage, err)
	}
	return c, nil
}

// choose takes the words that are one of several.
func (c *config) choose(network, routes, overlay string) error {
	builtin, known := map[string]string{"ptp": ptpTemplate, "bridge": bridgeTemplate}[network]
	c.conflist.builtin, c.direct, c.overlay = builtin, routes == "direct", overlay == "vxlan"
	switch {
	case c.nodeName == "":
		return errors.New("-node-name is missing, and so is $NODE_NAME")
	case !known:
		return fmt.Errorf("-network is %q, not ptp or bridge", network)
	case !c.direct && routes != "none":
		return fmt.Errorf("-routes is %q, not direct or none", routes)
	case !c.overlay && overlay != "none":
		return fmt.Errorf("-overlay is %q, not vxlan or none", overlay)
	case c.overlay && !c.direct:
		return errors.New("-overlay=vxlan makes routes, and -routes=none forbids them")
	case c.vxlanID < 1 || c.vxlanID >= 1<<24:
		return fmt.Errorf("-vxlan-id is %d, not 1 to 16777215", c.vxlanID)
	case c.vxlanPort < 1 || c.vxlanPort >= 1<<16:
		return fmt.Errorf("-vxlan-port is %d, not 1 to 65535", c.vxlanPort)
	case c.gcInterval <= 0:
		return fmt.Errorf("-gc-interval is %s, not above 0", c.gcInterval)
	}
	return nil
}

// parsePrefixes reads what parsePrefix does.
func parsePrefixes(texts []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range texts {
		p, err := parsePrefix(text)
		if err != nil {
			return nil, err
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

// parsePrefix reads a prefix like 10.244.0.0/16. One like ::ffff:10.244.0.0/112 is the same.
func parsePrefix(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), err
}
