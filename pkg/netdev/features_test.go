package netdev

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// Segmentation needs checksums: without them it is off, though requested.
func TestFeatures(t *testing.T) {
	const tso, checksum = "tx-tcp-segmentation", "tx-checksum-ip-generic"
	onVeth(t, func(d *Device) error {
		for _, step := range []struct {
			set  map[string]bool
			want []Feature
		}{
			{nil, []Feature{{checksum, true, true, true}, {tso, true, true, true}}},
			{map[string]bool{checksum: false}, []Feature{{checksum, true, false, false}, {tso, true, true, false}}},
			{map[string]bool{checksum: true, tso: false}, []Feature{{checksum, true, true, true}, {tso, true, false, false}}},
			{map[string]bool{tso: true}, []Feature{{checksum, true, true, true}, {tso, true, true, true}}},
		} {
			if err := d.SetFeatures(step.set); err != nil {
				return err
			}
			have, err := d.Features()
			if err != nil {
				return err
			}
			if slices.ContainsFunc(have, func(f Feature) bool { return f.Name == "" }) {
				t.Error("there is a feature without a name")
			}
			have = slices.DeleteFunc(have, func(f Feature) bool { return f.Name != tso && f.Name != checksum })
			if !slices.Equal(have, step.want) {
				t.Errorf("after %v: %v, want %v", step.set, have, step.want)
			}
		}
		return nil
	})
}

// What is fixed stays as it is.
func TestSetFixedFeatures(t *testing.T) {
	onVeth(t, func(d *Device) error {
		if err := d.SetFeatures(map[string]bool{"no-such-feature": true}); !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("set a feature that there is not: %v", err)
		}
		features, err := d.Features()
		if err != nil {
			return err
		}
		fixed := slices.IndexFunc(features, func(f Feature) bool { return !f.Changeable })
		return d.SetFeatures(map[string]bool{features[fixed].Name: !features[fixed].Active})
	})
}
