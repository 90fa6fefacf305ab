// Package hostlink lets the host reach its macvlan and ipvlan containers. The kernel hands
// no frame from such an interface to the one that it is on, nor the other way round. So the
// host gets an interface of its own beside them, which all attachments on a master share: the
// first one makes it, each routes its addresses to it, and it goes with the last one.
package hostlink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
)

// Conf is the value of the key hostInterface: false, the default, true, or an object.
//
//schema:value {"anyOf": [{"type": "boolean"}, {"type": "object", "properties": {"name": {"description": "name of the interface.", "type": "string", "maxLength": 15}, "addresses": {"description": "the host's addresses on it.", "type": "array", "items": {"type": "string"}}}}]}
type Conf struct {
	// Wanted says that there is to be such an interface.
	Wanted bool
	// Name of the interface. Default: "host-" and a hash of kind and master.
	Name string
	// Addresses are the host's, for itself, on that interface. Default: see New.
	Addresses []netip.Addr
}

var errConf = errors.New(`hostInterface must be true, false or an object with "name" and "addresses"`)

// UnmarshalJSON reads one of the three forms.
func (c *Conf) UnmarshalJSON(data []byte) error {
	*c = Conf{}
	if json.Unmarshal(data, &c.Wanted) == nil {
		return nil
	}
	var object struct {
		Name      string       `json:"name"`
		Addresses []netip.Addr `json:"addresses"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&object) != nil {
		return errConf
	}
	*c = Conf{true, object.Name, object.Addresses}
	return nil
}

// Validate checks what does not depend on the master.
func (c *Conf) Validate() error {
	if err := link.CheckName(c.Name); err != nil {
		return fmt.Errorf("hostInterface: %w", err)
	}
	if c.Name == "." || c.Name == ".." || bytes.ContainsAny([]byte(c.Name), "/: \t\n") {
		return fmt.Errorf("hostInterface: %q is no name of an interface", c.Name)
	}
	for _, a := range c.Addresses {
		if !a.IsGlobalUnicast() && !a.IsLinkLocalUnicast() || a.Zone() != "" || a.Is4In6() {
			return fmt.Errorf("hostInterface: the host cannot have the address %v on it", a)
		}
	}
	return nil
}

// name returns the interface's, for a master.
func (c *Conf) name(kind, master string) string {
	if c.Name != "" {
		return c.Name
	}
	return owner.Name(unix.IFNAMSIZ-1, "host-", kind+"/"+master)
}
