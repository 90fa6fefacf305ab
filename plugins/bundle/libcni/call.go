package libcni

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/pkg/ipam"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Plugin returns the plugin in a directory that one of the network's configurations is for,
// ready for a CHECK or DEL of an attachment (CNI specification, section 4).
func (n *Network) Plugin(binDir string, of Conf, a Attachment) (*ipam.Delegate, error) {
	keys := map[string]any{}
	if knows, err := version.GreaterThanOrEqualTo(n.Version, "0.4.0"); err == nil && knows && a.Result != nil {
		keys["prevResult"] = a.Result
	}
	var capabilities map[string]bool
	_ = json.Unmarshal(of["capabilities"], &capabilities)
	arguments := maps.Clone(a.CapabilityArgs)
	maps.DeleteFunc(arguments, func(capability string, _ json.RawMessage) bool { return !capabilities[capability] })
	if len(arguments) > 0 {
		keys["runtimeConfig"] = arguments
	}
	pairs := make([]string, len(a.Args))
	for i, pair := range a.Args {
		pairs[i] = pair[0] + "=" + pair[1]
	}
	args := plugin.CmdArgs{ContainerID: a.ContainerID, Netns: a.Namespace(), IfName: a.IfName, Args: strings.Join(pairs, ";")}
	return n.Call(binDir, of, keys, args)
}

// Call returns the plugin in a directory that one of the network's configurations is for,
// which gets further keys. If it is in this executable, it need not be started.
func (n *Network) Call(binDir string, of Conf, keys map[string]any, args plugin.CmdArgs) (*ipam.Delegate, error) {
	keys["name"], keys["cniVersion"] = n.Name, n.Version
	for key, value := range of {
		if _, ok := keys[key]; !ok {
			keys[key] = value
		}
	}
	var err error
	if args.StdinData, err = json.Marshal(keys); err != nil {
		return nil, err
	}
	args.Path = binDir
	return ipam.Find(of.Get("type"), &args)
}
