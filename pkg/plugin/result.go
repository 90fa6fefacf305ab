package plugin

import (
	"encoding/json"
	"net"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"
)

// PrevResult returns the result that a network configuration hands on: that of
// the plugin before in the chain or, in CHECK and DEL, that of the ADD (CNI
// specification, section 3, "Deriving execution configuration"). It returns nil
// if there is none. Its errors have code 6 (decoding).
func PrevResult(stdin []byte) (*current.Result, error) {
	var conf struct {
		CNIVersion string          `json:"cniVersion"`
		PrevResult json.RawMessage `json:"prevResult"`
	}
	if err := json.Unmarshal(stdin, &conf); err != nil {
		return nil, Errorf(types.ErrDecodingFailure, "failed to load netconf: %w", err)
	}
	if conf.PrevResult == nil || string(conf.PrevResult) == "null" {
		return nil, nil
	}
	result, err := ReadResult(conf.CNIVersion, conf.PrevResult)
	if err != nil {
		return nil, Errorf(types.ErrDecodingFailure, "could not parse prevResult: %w", err)
	}
	return result, nil
}

// ReadResult reads a result in the given version of the specification, in which
// it also is if it names none. A list in it with a member null is an error, and so is one of ips
// without address.
func ReadResult(version string, text []byte) (*current.Result, error) {
	if version == "" {
		version = "0.1.0" // CNI specification 0.3.0, "Network Configuration"
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return nil, err
	}
	for _, key := range []string{"interfaces", "ips", "routes"} {
		if err := rejectNull(key, keys[key]); err != nil {
			return nil, err
		}
	}
	if named := keys["cniVersion"]; named == nil || string(named) == `""` {
		var err error
		if text, err = withVersion(keys, version); err != nil {
			return nil, err
		}
	}
	result, err := create.Create(version, text)
	if err != nil {
		return nil, err
	}
	converted, err := current.NewResultFromResult(result)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(converted.IPs, func(c *current.IPConfig) bool { return c.Address.IP == nil }); i >= 0 {
		return nil, Errorf(types.ErrDecodingFailure, "ips[%d] has no address", i)
	}
	for _, ip := range converted.IPs {
		unmap(&ip.Address)
	}
	for _, route := range converted.Routes {
		unmap(&route.Dst)
	}
	return converted, nil
}

// unmap makes a network of IPv4 in IPv6's words, ::ffff:192.0.2.0/120, the same in its own:
// of the other the kernel takes the address for IPv4's, and then no such prefix.
func unmap(n *net.IPNet) {
	v4 := n.IP.To4()
	if ones, bits := n.Mask.Size(); v4 != nil && bits == 128 && ones >= 96 {
		n.IP, n.Mask = v4, n.Mask[len(n.Mask)-net.IPv4len:]
	}
}

// rejectNull exists because the CNI library's types hold members of lists by
// pointers, and its conversions follow them.
func rejectNull(key string, list json.RawMessage) error {
	var members []json.RawMessage
	if list == nil || json.Unmarshal(list, &members) != nil {
		return nil // the library has a better error
	}
	for i, member := range members {
		if string(member) == "null" {
			return Errorf(types.ErrDecodingFailure, "%s[%d] is null", key, i)
		}
	}
	return nil
}

// withVersion writes a result down again, as one of the given version.
func withVersion(keys map[string]json.RawMessage, version string) ([]byte, error) {
	if keys == nil { // the whole result is null
		keys = make(map[string]json.RawMessage)
	}
	text, err := json.Marshal(version)
	if err != nil {
		return nil, err
	}
	keys["cniVersion"] = text
	return json.Marshal(keys)
}
