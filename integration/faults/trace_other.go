//go:build !amd64

package faults

// Run returns ErrUnsupported: how a system call is made to fail depends on the
// registers of the architecture.
func Run(Program, Fault) (Outcome, error) { return Outcome{}, ErrUnsupported }

// Measure returns ErrUnsupported.
func Measure(Program) (Outcome, error) { return Outcome{}, ErrUnsupported }
