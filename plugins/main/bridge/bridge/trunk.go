package bridge

import (
	"errors"

	"github.com/containernetworking/plugins/pkg/link"
)

// trunkItem is an entry of the key vlanTrunk: one VLAN, a range, or both.
type trunkItem struct {
	// ID is one VLAN.
	//
	//schema:value {"minimum": 1, "maximum": 4094}
	ID *int `json:"id"`
	// MinID and MaxID are the first and the last one of a range.
	//
	//schema:value {"minimum": 1, "maximum": 4094}
	MinID *int `json:"minID"`
	MaxID *int `json:"maxID"`
}

// trunk returns the VLANs of all items.
func trunk(items []trunkItem) (link.VLANSet, error) {
	var set link.VLANSet
	for _, item := range items {
		if err := item.validate(); err != nil {
			return nil, err
		}
		if item.MinID != nil {
			set = set.With(uint16(*item.MinID), uint16(*item.MaxID))
		}
		if item.ID != nil {
			set = set.With(uint16(*item.ID), uint16(*item.ID))
		}
	}
	return set, nil
}

func (t trunkItem) validate() error {
	switch {
	case t.MinID != nil && !isVLAN(*t.MinID):
		return errors.New("incorrect trunk minID parameter")
	case t.MaxID != nil && !isVLAN(*t.MaxID):
		return errors.New("incorrect trunk maxID parameter")
	case t.MinID == nil && t.MaxID != nil:
		return errors.New("minID and maxID should be configured simultaneously, minID is missing")
	case t.MinID != nil && t.MaxID == nil:
		return errors.New("minID and maxID should be configured simultaneously, maxID is missing")
	case t.MinID != nil && *t.MinID > *t.MaxID:
		return errors.New("minID is greater than maxID in trunk parameter")
	case t.ID != nil && !isVLAN(*t.ID):
		return errors.New("incorrect trunk id parameter")
	}
	return nil
}

func isVLAN(id int) bool { return id >= 1 && id <= link.MaxVLAN }
