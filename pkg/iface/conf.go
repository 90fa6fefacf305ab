package iface

import (
	"encoding/json"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Conf has the keys that all interface plugins know.
type Conf struct {
	types.PluginConf
	// DefaultRoute says what becomes of the default routes of the result: true leaves them as
	// they are, false leaves them out, and {"metric": N} gives them a metric. Default: true.
	DefaultRoute DefaultRoute `json:"defaultRoute"`

	RuntimeConfig struct {
		// MAC is the hardware address of the container's interface.
		MAC string `json:"mac"`
	} `json:"runtimeConfig"`
}

func (c *Conf) base() *Conf { return c }

// HasIPAM reports whether the interface gets addresses: without, the network is
// one of layer 2 only.
func (c *Conf) HasIPAM() bool { return c.IPAM.Type != "" }

// releasesThroughInterface reports whether the IPAM plugin gives addresses back
// by a packet that the container's interface sends (RFC 2131, section 4.4.6).
func (c *Conf) releasesThroughInterface() bool { return c.IPAM.Type == "dhcp" }

// addressesAnyInterface reports whether the IPAM plugin chooses addresses without a
// look at the interface, and may do so while that is being made. Others may need it.
func (c *Conf) addressesAnyInterface() bool {
	return c.IPAM.Type == "host-local" || c.IPAM.Type == "static"
}

// Collect does nothing: most interfaces vanish with the container's namespace.
func (c *Conf) Collect(*link.Namespace, string, []owner.Attachment) error { return nil }

// Available finds that nothing is missing.
func (c *Conf) Available(*link.Namespace) error { return nil }

// load reads and checks a configuration.
func (v verbs) load(stdin []byte) (Driver, error) {
	d := v.newDriver()
	if err := plugin.Unmarshal(stdin, d); err != nil {
		return nil, plugin.Errorf(types.ErrDecodingFailure, "failed to load netconf: %w", err)
	}
	err := d.base().DefaultRoute.validate()
	if err == nil {
		err = d.Validate()
	}
	if err != nil {
		return nil, plugin.Errorf(types.ErrInvalidNetworkConfig, "%w", err)
	}
	return d, nil
}

// validate is the plugin's Validate.
func (v verbs) validate(conf []byte) error {
	_, err := v.load(conf)
	return err
}

// loadForDel reads what it can: DEL must succeed with a configuration that ADD
// would refuse today. Keys of the wrong type are as good as absent: each is read by
// itself, as a type's own UnmarshalJSON that fails would keep all behind it from being
// read.
func (v verbs) loadForDel(stdin []byte) Driver {
	d := v.newDriver()
	if json.Unmarshal(stdin, d) != nil {
		var keys map[string]json.RawMessage
		_ = json.Unmarshal(stdin, &keys)
		for key, value := range keys {
			single, _ := json.Marshal(map[string]json.RawMessage{key: value}) // which is what was read
			_ = json.Unmarshal(single, d)
		}
	}
	_ = d.Validate()
	return d
}
