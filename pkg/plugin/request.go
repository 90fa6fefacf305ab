package plugin

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/types/create"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/pkg/owner"
)

// variable is one of the environment by which a runtime calls a plugin (CNI specification,
// section 2, "Parameters").
type variable struct {
	name   string
	into   *string
	needed []string // the verbs that do not work without it
	valid  func(string) *types.Error
}

// readRequest returns the verb that a runtime asks for, and its arguments. Its errors have the
// texts and codes of the CNI library's package skel, and come in its order.
func readRequest(stdin io.Reader) (command string, args *CmdArgs, err error) {
	args = new(CmdArgs)
	attachment := []string{"ADD", "CHECK", "DEL"}
	var missing []string
	for _, v := range []variable{
		{"CNI_COMMAND", &command, nil, nil},
		{"CNI_CONTAINERID", &args.ContainerID, attachment, checkContainerID},
		{"CNI_NETNS", &args.Netns, []string{"ADD", "CHECK"}, nil},
		{"CNI_IFNAME", &args.IfName, attachment, CheckIfName},
		{"CNI_ARGS", &args.Args, nil, nil},
		{"CNI_PATH", &args.Path, []string{"ADD", "CHECK", "DEL", "GC", "STATUS"}, nil},
		{"CNI_NETNS_OVERRIDE", &args.NetnsOverride, nil, nil},
	} {
		*v.into = os.Getenv(v.name)
		if !slices.Contains(v.needed, command) {
			continue
		}
		if *v.into == "" {
			missing = append(missing, v.name)
		} else if v.valid != nil {
			if err := v.valid(*v.into); err != nil {
				return command, nil, err
			}
		}
	}
	if len(missing) > 0 {
		return command, nil, Errorf(types.ErrInvalidEnvironmentVariables, "required env variables [%s] missing", strings.Join(missing, ","))
	}
	if command == "VERSION" {
		return command, args, nil
	}
	if args.StdinData, err = io.ReadAll(stdin); err != nil {
		return command, nil, Errorf(types.ErrIOFailure, "error reading from stdin: %w", err)
	}
	return command, args, checkNetworkName(args.StdinData)
}

// checkNetworkName returns an error for a configuration that cannot be read, or without a
// name that can be part of a path.
func checkNetworkName(stdin []byte) error {
	var conf struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(stdin, &conf); err != nil {
		return Errorf(types.ErrDecodingFailure, "error unmarshall network config: %w", err)
	}
	if conf.Name == "" {
		return Errorf(types.ErrInvalidNetworkConfig, "missing network name")
	}
	if !owner.IsName(conf.Name) {
		return types.NewError(types.ErrInvalidNetworkConfig, "invalid characters found in network name", conf.Name)
	}
	return nil
}

// firstWith are the versions of the specification that brought a verb.
var firstWith = map[string]string{"CHECK": "0.4.0", "GC": "1.1.0", "STATUS": "1.1.0"}

// checkVersion returns an error unless the verb is one of the version of the configuration,
// and that one of the plugin's.
func (p Plugin) checkVersion(command string, stdin []byte) error {
	configured, err := create.DecodeVersion(stdin)
	if err != nil {
		return Errorf(types.ErrDecodingFailure, "%w", err)
	}
	supported := p.Protocol().SupportedVersions()
	if first, later := firstWith[command]; later {
		known, err := version.GreaterThanOrEqualTo(configured, first)
		switch {
		case err != nil:
			return Errorf(types.ErrDecodingFailure, "%w", err)
		case !known:
			return Errorf(types.ErrIncompatibleCNIVersion, "config version does not allow %s", command)
		case !slices.ContainsFunc(supported, func(v string) bool { reached, _ := version.GreaterThanOrEqualTo(v, configured); return reached }):
			return Errorf(types.ErrIncompatibleCNIVersion, "plugin version does not allow %s", command)
		}
	}
	if incompatible := new(version.Reconciler).CheckRaw(configured, supported); incompatible != nil {
		return types.NewError(types.ErrIncompatibleCNIVersion, "incompatible CNI versions", incompatible.Details())
	}
	return nil
}

// Protocol returns the versions of the specification that the plugin knows.
func (p Plugin) Protocol() version.PluginInfo {
	if p.Versions == nil {
		return version.All
	}
	return p.Versions
}

// printVersions is the verb VERSION. It writes what version.PluginInfo would encode, without
// the time that it takes package json to learn of its type.
func (p Plugin) printVersions(to io.Writer) error {
	supported := strings.Join(p.Protocol().SupportedVersions(), `","`)
	_, err := fmt.Fprintf(to, `{"cniVersion":"%s","supportedVersions":["%s"]}`+"\n", version.Current(), supported)
	if err != nil {
		return Errorf(types.ErrIOFailure, "%w", err)
	}
	return nil
}
