// Package testutils helps to test plugins that run in the test's own process.
package testutils

import (
	"github.com/containernetworking/cni/pkg/version"
)

// AllSpecVersions has every version of the CNI specification, oldest first.
var AllSpecVersions = [...]string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}

// SpecVersionHasIPVersion reports whether a result's addresses name their
// family ("version").
func SpecVersionHasIPVersion(ver string) bool {
	return atLeast(ver, "0.3.0") && !atLeast(ver, "1.0.0")
}

// SpecVersionHasCHECK reports whether there is the verb CHECK.
func SpecVersionHasCHECK(ver string) bool { return atLeast(ver, "0.4.0") }

// SpecVersionHasSTATUS reports whether there is the verb STATUS.
func SpecVersionHasSTATUS(ver string) bool { return atLeast(ver, "1.1.0") }

// SpecVersionHasChaining reports whether plugins can be chained.
func SpecVersionHasChaining(ver string) bool { return atLeast(ver, "0.3.0") }

// SpecVersionHasMultipleIPs reports whether a result can have more than one
// address of a family.
func SpecVersionHasMultipleIPs(ver string) bool { return atLeast(ver, "0.3.0") }

// atLeast is false for what is no version.
func atLeast(ver, oldest string) bool {
	ok, err := version.GreaterThanOrEqualTo(ver, oldest)
	return err == nil && ok
}
