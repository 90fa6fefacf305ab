package firewall

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// tellRefusals tells on standard error what of a removal was refused for lack of
// permission, and returns the other errors. A DEL that failed of that would fail for
// ever, and those of the plugins before it in the chain would never run.
func tellRefusals(err error) error {
	errs := []error{err}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		errs = several.Unwrap()
	}
	return plugin.Join(slices.DeleteFunc(slices.Clone(errs), func(err error) bool {
		if !isRefusal(err) {
			return false
		}
		fmt.Fprintf(os.Stderr, "not permitted: %v\n", err)
		return true
	})...)
}

// Texts of those who have no other way to say it: package dbus where the bus does not
// take the user for whom it says it is, as root of a user namespace, and iptables.
const (
	notAuthenticated = "dbus: authentication failed"
	notRoot          = "(you must be root)"
)

// isRefusal reports whether somebody may not do something: by the word of the kernel,
// of the bus, of firewalld, which asks polkit, or of iptables. A file that cannot be read is
// no refusal: what would have to be removed is in there.
func isRefusal(err error) bool {
	var file *fs.PathError
	if errors.Is(err, fs.ErrPermission) && !errors.As(err, &file) {
		return true
	}
	var reply dbus.Error
	if errors.As(err, &reply) {
		return slices.ContainsFunc([]string{"AccessDenied", "AuthFailed", "InteractiveAuthorizationRequired", "NotAuthorizedException"},
			func(name string) bool { return strings.Contains(reply.Name, "."+name) })
	}
	return isUnauthenticated(err) || err != nil && strings.Contains(err.Error(), notRoot)
}

func isUnauthenticated(err error) bool {
	return err != nil && strings.Contains(err.Error(), notAuthenticated)
}
