// Package netlinksafe repeats netlink dumps that were interrupted.
//
// A table that changes while the kernel dumps it over several messages may
// come out with entries missing or twice. The kernel says so
// (NLM_F_DUMP_INTR) and the netlink package then returns what it got together
// with [netlink.ErrDumpInterrupted]. The functions here have the names and
// parameters of that package's and ask again until a dump is whole. If none
// is, they return what that package makes of the last one, which is nothing for
// routes, and that error: the caller decides whether holes are good enough.
package netlinksafe

import (
	"errors"

	"github.com/vishvananda/netlink"
)

// attempts bounds how often a dump is asked for. Only a table of more than
// some hundred entries that changes all the time interrupts several in a row.
const attempts = 10

// retry calls dump until it is not interrupted, at most attempts times.
func retry[T any](dump func() (T, error)) (T, error) {
	for range attempts - 1 {
		if got, err := dump(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return got, err
		}
	}
	return dump()
}

// retryCount is retry for dumps that act on what they find: what they did in
// the interrupted ones counts as well.
func retryCount(dump func() (uint, error)) (uint, error) {
	var total uint
	_, err := retry(func() (uint, error) {
		n, err := dump()
		total += n
		return n, err
	})
	return total, err
}
