// Package rpc is how the plugin dhcp and its daemon talk: as net/rpc does over
// HTTP, which earlier versions of either side use, but without the five
// megabytes of it, with deadlines, and with calls that end when their caller
// does.
package rpc

import (
	"errors"
	"strings"
	"time"
)

// What opens a connection, before values in the format of encoding/gob.
const (
	connect   = "CONNECT /_goRPC_ HTTP/1.0"
	connected = "HTTP/1.0 200 Connected to Go RPC"
	// budgetHeader tells how long calls may take. net/rpc ignores headers.
	budgetHeader = "Budget"
)

// The methods of the daemon. All take a plugin.CmdArgs. Earlier daemons have the
// first two.
const (
	Allocate = "DHCP.Allocate"
	Release  = "DHCP.Release"
	Check    = "DHCP.Check"
	Collect  = "DHCP.Collect"
	Leases   = "DHCP.Leases"
)

// request and response come before the values of a call (net/rpc.Request and
// net/rpc.Response). The names of the fields count, not those of the types.
type request struct {
	ServiceMethod string
	Seq           uint64
}

type response struct {
	ServiceMethod string
	Seq           uint64
	Error         string
	// Details and Code are unknown to net/rpc.
	Details string
	Code    uint
}

// nothing is the value of a call that has none.
type nothing struct{}

// Error is an error that the daemon answered with.
type Error struct {
	Message string
	// Details say more, for a person.
	Details string
	// Code of the CNI specification; 0 from earlier daemons.
	Code uint
}

func (e *Error) Error() string { return e.Message }

// IsUnknownMethod reports whether err says that the daemon, which is of an
// earlier version, has no such method.
func IsUnknownMethod(err error) bool {
	var answered *Error
	return errors.As(err, &answered) && strings.HasPrefix(answered.Message, unknownMethod)
}

// unknownMethod is how net/rpc's error begins.
const unknownMethod = "rpc: can't find method "

const (
	// handshakeTime bounds how long either side takes to open a connection.
	handshakeTime = 5 * time.Second
	// spareTime is what a client waits longer than a daemon says that it works.
	spareTime = 5 * time.Second
	// unknownBudget bounds calls of a daemon that does not say how long they
	// may take: earlier ones try for 208 s by default, and then renew.
	unknownBudget = 5 * time.Minute
)
