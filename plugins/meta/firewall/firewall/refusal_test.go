package firewall

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// Of several errors, those stay that are no refusals.
func TestTellRefusals(t *testing.T) {
	exception := func(name string) error { return dbus.Error{Name: name, Body: []any{"text of " + name}} }
	refusals := []error{
		fmt.Errorf("look: %w", unix.EPERM), unix.EACCES, exception("org.freedesktop.DBus.Error.AccessDenied"),
		exception("org.fedoraproject.FirewallD1.NotAuthorizedException"),
		exception("org.fedoraproject.slip.dbus.service.PolKit.NotAuthorizedException.org.fedoraproject.FirewallD1.config"),
		errors.New("exit status 4: iptables-restore v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)"),
	}
	failures := []error{unix.EIO, &fs.PathError{Op: "open", Path: "record", Err: unix.EACCES}, exception("org.fedoraproject.FirewallD1.Exception"), errors.New("exit status 4")}
	for _, refusal := range refusals {
		if err := tellRefusals(refusal); err != nil {
			t.Errorf("got %v", err)
		}
	}
	for _, failure := range failures {
		if err := tellRefusals(failure); err == nil || err.Error() != failure.Error() {
			t.Errorf("got %v, want %v", err, failure)
		}
	}
	got, want := tellRefusals(plugin.Join(append(refusals, failures...)...)), plugin.Join(failures...)
	if got == nil || got.Error() != want.Error() {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := tellRefusals(nil); err != nil {
		t.Errorf("got %v", err)
	}
}
