package tuning

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// settings are values of what can be set: those that somebody wants, or those
// that were there before.
type settings struct {
	attributes
	Sysctls []sysctl `json:"sysctls,omitempty"`
	// Offloads by a name of ethtool(8) or of the kernel.
	Offloads map[string]bool `json:"offloads,omitempty"`
}

func (s settings) isEmpty() bool {
	return s.attributes == attributes{} && len(s.Sysctls)+len(s.Offloads) == 0
}

// orElse returns s, completed by what other has besides.
func (s settings) orElse(other settings) settings {
	s.attributes = s.attributes.orElse(other.attributes)
	for _, more := range other.Sysctls {
		if !slices.ContainsFunc(s.Sysctls, func(have sysctl) bool { return have.Name == more.Name }) {
			s.Sysctls = append(s.Sysctls, more)
		}
	}
	offloads := maps.Clone(other.Offloads)
	if offloads == nil {
		offloads = make(map[string]bool)
	}
	maps.Copy(offloads, s.Offloads)
	s.Offloads = offloads
	return s
}

// resolve puts paths in the place of names of sysctls. If two have the same one,
// the latter counts.
func (s *settings) resolve(ifName string, allowed allowList) error {
	var resolved []sysctl
	for _, written := range s.Sysctls {
		path := resolve(written.Name, ifName)
		if err := allowed.check(written.Name, path); err != nil {
			return err
		}
		resolved = put(resolved, sysctl{path, written.Value})
	}
	s.Sysctls = resolved
	return nil
}

// read returns the present values of what want has.
func (d *device) read(want settings) (have settings, err error) {
	if have.attributes, err = d.readAttributes(want.attributes); err != nil {
		return have, err
	}
	if have.Sysctls, err = readSysctls(want.Sysctls); err != nil {
		return have, err
	}
	have.Offloads, err = d.readOffloads(want.Offloads)
	return have, err
}

// apply sets what want has, in upstream's order: sysctls first.
func (d *device) apply(want settings) error {
	for _, s := range want.Sysctls {
		if err := s.write(); err != nil {
			return err
		}
	}
	if err := d.setOffloads(want.Offloads); err != nil {
		return err
	}
	for _, set := range d.setters(want.attributes) {
		if err := set(); err != nil {
			return err
		}
	}
	return nil
}

// restore puts back what was, the other way round, and goes on after an error.
// What the kernel refuses stays: a runtime could repeat its DEL forever. So does what
// might pass, if it is the last attempt.
func (d *device) restore(was settings, last bool) error {
	var errs []error
	try := func(err error) {
		if isRefusal(err) || last && isPassing(err) {
			fmt.Fprintf(os.Stderr, "cannot be put back: %v\n", err)
			return
		}
		errs = append(errs, err)
	}
	for _, set := range slices.Backward(d.setters(was.attributes)) {
		try(set())
	}
	try(d.requestOffloads(was.Offloads))
	for _, s := range slices.Backward(was.Sysctls) {
		try(s.restore())
	}
	if err := plugin.Join(errs...); err != nil && d.compare(was) != nil {
		return err
	}
	return nil
}

// compare returns one error for all that differs from want.
func (d *device) compare(want settings) error {
	errs := d.compareAttributes(want.attributes)
	for _, s := range want.Sysctls {
		errs = append(errs, s.compare())
	}
	return plugin.Join(append(errs, d.compareOffloads(want.Offloads))...)
}

// isRefusal reports whether err is an answer about the value or its object,
// rather than about the state of the host.
func isRefusal(err error) bool {
	return slices.ContainsFunc([]error{
		unix.EADDRNOTAVAIL, unix.EINVAL, unix.ENODEV, unix.ENOENT,
		unix.EOPNOTSUPP, unix.EPERM, unix.ERANGE,
	}, func(refusal error) bool { return errors.Is(err, refusal) })
}

// isPassing reports whether err may be none later: an address, for one, that another macvlan
// has, or a file that may not be written to, as in another sandbox than that of ADD.
func isPassing(err error) bool {
	return slices.ContainsFunc([]error{unix.EBUSY, unix.EADDRINUSE, unix.EACCES, unix.EROFS}, func(passing error) bool {
		return errors.Is(err, passing)
	})
}
