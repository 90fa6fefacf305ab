package iface

import (
	"errors"

	"github.com/containernetworking/plugins/pkg/check"
)

// fakeDriver has one key and does nothing.
type fakeDriver struct {
	Conf
	MTU int `json:"mtu"`
}

func (d *fakeDriver) Validate() error {
	if d.MTU < 0 {
		return errors.New("invalid mtu")
	}
	return nil
}

func (d *fakeDriver) Create(*Attachment) error    { return nil }
func (d *fakeDriver) Configure(*Attachment) error { return nil }
func (d *fakeDriver) Remove(*Attachment) error    { return nil }
func (d *fakeDriver) Expect(*Attachment) (container, host []check.Expect, err error) {
	return nil, nil, nil
}
