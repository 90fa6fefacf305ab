package firewall

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// viaFirewalld makes addresses sources of a zone, through firewalld's interface
// on the system bus (firewalld.dbus(5)). The change is firewalld's runtime
// configuration, which `firewall-cmd --reload` forgets.
type viaFirewalld struct{}

const (
	busName   = "org.fedoraproject.FirewallD1"
	busPath   = "/org/fedoraproject/FirewallD1"
	busZone   = busName + ".zone"
	busOwner  = "org.freedesktop.DBus.GetNameOwner"
	noSuchOne = "org.freedesktop.DBus.Error.NameHasNoOwner"
)

// The errors of firewalld begin with these. UNKNOWN_SOURCE and ZONE_CONFLICT are
// what removeSource says of a source that is in no zone, or in another one.
const (
	alreadySet    = "ZONE_ALREADY_SET"
	zoneConflict  = "ZONE_CONFLICT"
	unknownSource = "UNKNOWN_SOURCE"
)

// patience is how long the bus and firewalld may take, in all. While it reloads, it answers
// only some seconds later.
const patience = 20 * time.Second

// errAbsent says that firewalld does not run.
var errAbsent = errors.New("firewalld does not run")

// session is a connection to the system bus on which firewalld is.
type session struct {
	ctx    context.Context
	cancel context.CancelFunc
	conn   *dbus.Conn
}

// dial connects to firewalld. Without a bus or without firewalld on it, the error
// is errAbsent; firewalld is not started. A bus that cannot be reached may have one.
func dial(ctx context.Context) (*session, error) {
	s := new(session)
	s.ctx, s.cancel = context.WithTimeout(ctx, patience)
	if err := s.connect(); err != nil {
		s.cancel()
		return nil, err
	}
	if err := s.find(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) connect() (err error) {
	s.conn, err = dbus.Connect(busAddress(), dbus.WithContext(s.ctx))
	if isUnauthenticated(err) {
		// Package dbus says so of a connection that broke, too (v5.2.4).
		s.conn, err = dbus.Connect(busAddress(), dbus.WithContext(s.ctx))
	}
	if isAbsent(err) {
		return fmt.Errorf("%w: %w", errAbsent, err)
	}
	if late := s.ctx.Err(); err != nil && late != nil { // which closes the connection: of that, dbus tells
		err = late
	}
	if err != nil {
		return fmt.Errorf("connect to the system bus: %w", err)
	}
	return nil
}

// find looks for firewalld on the bus.
func (s *session) find() error {
	var owner string
	err := s.conn.BusObject().CallWithContext(s.ctx, busOwner, 0, busName).Store(&owner)
	var reply dbus.Error
	if errors.As(err, &reply) && reply.Name == noSuchOne {
		return errAbsent
	}
	if err != nil {
		return fmt.Errorf("look for firewalld: %w", err)
	}
	return nil
}

// busAddress returns where the system bus is, as D-Bus says. (The one that package dbus
// finds by itself it has looked for, and does not tell why it has not found any.)
func busAddress() string {
	if address := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"); address != "" {
		return address
	}
	return "unix:path=/run/dbus/system_bus_socket;unix:path=/var/run/dbus/system_bus_socket"
}

// isAbsent reports whether an attempt to connect failed as nobody listens: there is
// no socket, or only that of a bus that has gone.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

func (s *session) close() {
	s.cancel()
	s.conn.Close()
}

// call calls a method of zones. A firewalld that has gone is not started for it.
func (s *session) call(method, zone, source string) *dbus.Call {
	return s.conn.Object(busName, busPath).CallWithContext(s.ctx, busZone+"."+method, dbus.FlagNoAutoStart, zone, source)
}

// has reports whether the source is in the zone.
func (s *session) has(zone, source string) (bool, error) {
	var is bool
	err := s.call("querySource", zone, source).Store(&is)
	return is, err
}

// firewalldRuns reports whether firewalld is on the system bus.
func firewalldRuns() bool { return viaFirewalld{}.available() == nil }

func (viaFirewalld) apply(ctx context.Context, c change) error {
	s, err := dial(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	for _, a := range c.addresses {
		if err := s.add(c.zone, host(a)); err != nil {
			return fmt.Errorf("failed to add the address %s to %s zone: %w", host(a), c.zone, err)
		}
	}
	return nil
}

// add makes the source one of the zone. Releases of firewalld differ in whether
// ZONE_ALREADY_SET is about this zone or any.
func (s *session) add(zone, source string) error {
	err := s.call("addSource", zone, source).Err
	if err == nil || !strings.Contains(err.Error(), alreadySet) {
		return err
	}
	is, queryErr := s.has(zone, source)
	if queryErr != nil {
		return errors.Join(err, queryErr)
	}
	if !is {
		return err
	}
	return nil
}

func (viaFirewalld) remove(c change) error {
	if len(c.addresses) == 0 {
		return nil
	}
	s, err := dial(context.Background())
	if errors.Is(err, errAbsent) {
		return nil // and so is what it was told
	}
	if err != nil {
		return fmt.Errorf("remove the addresses %v from %s zone: %w", c.addresses, c.zone, err)
	}
	defer s.close()
	var errs []error
	for _, a := range c.addresses {
		if err := s.remove(c.zone, host(a)); err != nil {
			errs = append(errs, fmt.Errorf("remove the address %s from %s zone: %w", host(a), c.zone, err))
		}
	}
	return plugin.Join(errs...)
}

// remove takes the source out of the zone. Who may not do so may ask, and has nothing
// to remove if it is not there.
func (s *session) remove(zone, source string) error {
	err := s.call("removeSource", zone, source).Err
	switch {
	case err == nil, strings.Contains(err.Error(), unknownSource), strings.Contains(err.Error(), zoneConflict):
		return nil
	case isRefusal(err):
		if is, unknown := s.has(zone, source); unknown == nil && !is {
			return nil
		}
	}
	return err
}

func (viaFirewalld) check(c change) error {
	s, err := dial(context.Background())
	if err != nil {
		return err
	}
	defer s.close()
	var errs []error
	for _, a := range c.addresses {
		is, err := s.has(c.zone, host(a))
		if err != nil {
			errs = append(errs, fmt.Errorf("failed to find the address %s in %s zone: %w", host(a), c.zone, err))
		} else if !is {
			errs = append(errs, fmt.Errorf("failed to find the address %s in %s zone", host(a), c.zone))
		}
	}
	return plugin.Join(errs...)
}

func (viaFirewalld) available() error {
	s, err := dial(context.Background())
	if err == nil {
		s.close()
	}
	return err
}
