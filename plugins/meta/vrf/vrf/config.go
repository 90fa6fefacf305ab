package vrf

import (
	"errors"
	"fmt"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/routing"
)

// Conf is the plugin's part of a network configuration.
type Conf struct {
	// VRFName is the name of the VRF's interface, which is made if it is missing.
	//
	//schema:required
	//schema:value {"minLength": 1, "maxLength": 15}
	VRFName string `json:"vrfname"`
	// Table is the VRF's table. Default, and for 0: that of the VRF, if it exists
	// already, or else the first one that nobody uses.
	Table uint32 `json:"table"`
}

// Validate checks the name, which DEL looks for only if it is valid.
func (c *Conf) Validate() error {
	if c.VRFName == "" {
		return errors.New("configuration is expected to have a valid vrf name")
	}
	if err := plugin.CheckIfName(c.VRFName); err != nil {
		name := c.VRFName
		c.VRFName = ""
		return fmt.Errorf("vrfname %q: %w", name, err)
	}
	if err := link.CheckName(c.VRFName); err != nil {
		return fmt.Errorf("vrfname: %w", err)
	}
	if int64(c.Table) > routing.MaxTable { // on machines of 32 bits
		return fmt.Errorf("table %d is greater than %d", c.Table, routing.MaxTable)
	}
	return nil
}
