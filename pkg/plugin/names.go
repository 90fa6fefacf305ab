package plugin

import (
	"strings"
	"unicode"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/owner"
)

// The functions here are what the CNI library's package utils has, and return the same
// errors, without the regular expression that it compiles whenever a process starts.

// maxIfNameLength is that of the kernel, IFNAMSIZ, without the NUL at the end.
const maxIfNameLength = 15

// CheckIfName returns an error with code 4 for what cannot be the name of an interface.
func CheckIfName(name string) *types.Error {
	var text, details string
	switch {
	case name == "":
		text = "interface name is empty"
	case len(name) > maxIfNameLength:
		text, details = "interface name is too long", "interface name should be less than 16 characters"
	case name == "." || name == "..":
		text = "interface name is . or .."
	case strings.ContainsAny(name, "/:") || strings.ContainsFunc(name, unicode.IsSpace):
		text = "interface name contains / or : or whitespace characters"
	default:
		return nil
	}
	return types.NewError(types.ErrInvalidEnvironmentVariables, text, details)
}

func checkContainerID(id string) *types.Error {
	if owner.IsName(id) {
		return nil
	}
	return types.NewError(types.ErrInvalidEnvironmentVariables, "invalid characters in containerID", id)
}
