package netdev

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Feature is something that an interface leaves to its driver, or the kernel to a
// later stage, as `ethtool -k` lists it.
type Feature struct {
	// Name is the kernel's, "tx-tcp-segmentation".
	Name string
	// Changeable means that it can be turned on and off.
	Changeable bool
	// Requested means that somebody wants it on, or nobody wants it off.
	Requested bool
	// Active means that it is on. One that is requested stays off while another
	// is that it depends on.
	Active bool
}

// Commands and constants of linux/ethtool.h.
const (
	getStrings    = 0x1b
	getStringSets = 0x37
	getFeatures   = 0x3a
	setFeatures   = 0x3b

	featureNames = 4  // ETH_SS_FEATURES
	nameLength   = 32 // ETH_GSTRING_LEN

	// Sizes in bytes: of the heads of commands, and of their blocks for 32
	// features.
	stringsHead    = 12
	stringSetsHead = 16
	featuresHead   = 8
	getBlock       = 16
	setBlock       = 8
)

// Features returns the features. The kernel reserves bits for more: those without
// a name are left out.
func (d *Device) Features() ([]Feature, error) {
	features, err := d.features()
	return slices.DeleteFunc(features, func(f Feature) bool { return f.Name == "" }), err
}

// SetFeatures requests features to be on or off, by the kernel's names, all at
// once. What depends on others may stay as it is, which is no error.
func (d *Device) SetFeatures(on map[string]bool) error {
	if len(on) == 0 {
		return nil
	}
	features, err := d.features()
	if err != nil {
		return err
	}
	c := newCommand(setFeatures, featuresHead+blocks(len(features))*setBlock)
	c.put(4, uint32(blocks(len(features))))
	found := 0
	for i, f := range features {
		value, ok := on[f.Name]
		if !ok {
			continue
		}
		found++
		valid, requested := featuresHead+i/32*setBlock, featuresHead+i/32*setBlock+4
		c.put(valid, c.get(valid)|1<<(i%32))
		if value {
			c.put(requested, c.get(requested)|1<<(i%32))
		}
	}
	if found < len(on) {
		return fmt.Errorf("set features of %q: %w", d.name, unix.EOPNOTSUPP)
	}
	if err := d.doEthtool(c); err != nil {
		return fmt.Errorf("set features of %q: %w", d.name, err)
	}
	return nil
}

// features returns all features by their number.
func (d *Device) features() ([]Feature, error) {
	features, err := d.featureNames()
	if err != nil {
		return nil, fmt.Errorf("list features of %q: %w", d.name, err)
	}
	c := newCommand(getFeatures, featuresHead+blocks(len(features))*getBlock)
	c.put(4, uint32(blocks(len(features))))
	if err := d.doEthtool(c); err != nil {
		return nil, fmt.Errorf("read features of %q: %w", d.name, err)
	}
	for i := range features {
		bit := func(word int) bool { return c.get(featuresHead+i/32*getBlock+4*word)>>(i%32)&1 != 0 }
		features[i].Changeable, features[i].Requested, features[i].Active = bit(0), bit(1), bit(2)
	}
	return features, nil
}

// featureNames returns features with names only.
func (d *Device) featureNames() ([]Feature, error) {
	count := newCommand(getStringSets, stringSetsHead+4)
	binary.NativeEndian.PutUint64(count[8:], 1<<featureNames)
	if err := d.doEthtool(count); err != nil {
		return nil, err
	}
	features := make([]Feature, count.get(stringSetsHead))
	c := newCommand(getStrings, stringsHead+len(features)*nameLength)
	c.put(4, featureNames)
	c.put(8, uint32(len(features)))
	if err := d.doEthtool(c); err != nil {
		return nil, err
	}
	for i := range features {
		name := string(c[stringsHead+i*nameLength:][:nameLength])
		features[i].Name, _, _ = strings.Cut(name, "\x00")
	}
	return features, nil
}

// blocks is in how many blocks of 32 the kernel gives so many features.
func blocks(features int) int { return (features + 31) / 32 }

// command is one of linux/ethtool.h with its data, in words of 32 bits.
type command []byte

func newCommand(number uint32, size int) command {
	c := make(command, size)
	c.put(0, number)
	return c
}

func (c command) put(at int, word uint32) { binary.NativeEndian.PutUint32(c[at:], word) }
func (c command) get(at int) uint32       { return binary.NativeEndian.Uint32(c[at:]) }
