package iptables

import "errors"

// Look hands the table of each family to look, in each variant that has it. Nothing is
// changed.
func Look(name string, look func(*Table) error) error {
	c, err := dialNFT()
	if err != nil {
		return err
	}
	if c != nil {
		defer c.Close()
	}
	var errs []error
	for _, f := range Families() {
		t := newNFT(f, name, c, nil)
		errs = append(errs, look(t), t.err)
	}
	families, err := inLegacy(name)
	errs = append(errs, err)
	for _, f := range families {
		t := newLegacy(f, name, false)
		errs = append(errs, look(t), t.err)
	}
	return errors.Join(errs...)
}
