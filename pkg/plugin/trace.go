package plugin

import (
	"encoding/hex"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// The environment variables in which a runtime hands on the trace that a call belongs to
// (W3C Trace Context; OpenTelemetry, "Environment Variables as Context Propagation
// Carriers"). BAGGAGE goes with them, and is left as it is.
const (
	TraceParent = "TRACEPARENT"
	TraceState  = "TRACESTATE"
)

// sampled is the flag of a trace that somebody keeps, and random says that all of its id
// is random. They are all that version 00 has.
const (
	sampled byte = 1 << iota
	random
)

// span is a call's place in a trace.
type span struct {
	trace  [16]byte
	parent [8]byte // zero for the first of a trace
	id     [8]byte
	flags  byte
	state  string // of vendors, who alone understand it
}

// newSpan returns a span below that which the environment names, or of a trace of its own.
func newSpan() span {
	s := span{flags: sampled | random, state: os.Getenv(TraceState)}
	if !s.below(os.Getenv(TraceParent)) {
		s.state = "" // it goes with a parent that can be read
		unix.Getrandom(s.trace[:], 0)
	}
	unix.Getrandom(s.id[:], 0)
	return s
}

// child returns a span below s.
func (s span) child() span {
	s.parent = s.id
	unix.Getrandom(s.id[:], 0)
	return s
}

// below reads a parent: version, trace, span and flags, in lower-case hexadecimal
// digits. It returns false for one that counts as none. Of a later version than 00, what
// follows the flags is unknown.
func (s *span) below(parent string) bool {
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(parent) < length {
		return false
	}
	known, rest := parent[:length], parent[length:]
	fields := strings.Split(known, "-")
	if len(fields) != 4 || known != strings.ToLower(known) || fields[0] == "ff" || rest != "" && (fields[0] == "00" || rest[0] != '-') {
		return false
	}
	var version, flags [1]byte
	var read span
	for i, into := range [][]byte{version[:], read.trace[:], read.parent[:], flags[:]} {
		if len(fields[i]) != hex.EncodedLen(len(into)) {
			return false
		}
		if _, err := hex.Decode(into, []byte(fields[i])); err != nil {
			return false
		}
	}
	if read.trace == [16]byte{} || read.parent == [8]byte{} {
		return false
	}
	s.trace, s.parent, s.flags = read.trace, read.parent, flags[0]&(sampled|random)
	return true
}

// asParent returns what below reads of a child.
func (s span) asParent() string {
	return "00-" + hexOf(s.trace[:]) + "-" + hexOf(s.id[:]) + "-" + hexOf([]byte{s.flags})
}

// parentID returns the parent's id, or nothing if there is none.
func (s span) parentID() string {
	if s.parent == [8]byte{} {
		return ""
	}
	return hexOf(s.parent[:])
}

func hexOf(id []byte) string { return hex.EncodeToString(id) }

// TraceContext returns the values of TRACEPARENT and TRACESTATE for a delegate of the
// call that runs: the call's own span if it is logged, and otherwise what the call got,
// since nobody would ever hear of a span in between.
func TraceContext() (parent, state string) {
	if call := logged.current(); call != nil {
		return call.span.asParent(), call.span.state
	}
	return os.Getenv(TraceParent), os.Getenv(TraceState)
}
