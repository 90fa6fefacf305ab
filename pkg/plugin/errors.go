package plugin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/ns"
)

// coded is an error that knows its CNI code.
type coded struct {
	error
	code uint
}

func (e coded) Unwrap() error { return e.error }

// Errorf formats an error as fmt.Errorf does and gives it a code of the CNI
// specification (section 5, "Error"), one of the types.Err… constants. An error
// without one is reported with code 999, types.ErrInternal, or with code 8 if it says
// that a network namespace cannot be used.
func Errorf(code uint, format string, args ...any) error {
	return coded{fmt.Errorf(format, args...), code}
}

// Code returns the CNI code with which err is reported: that of the outermost error
// in its chain that has one.
func Code(err error) uint {
	var c coded
	if errors.As(err, &c) {
		return c.code
	}
	var e *types.Error
	if errors.As(err, &e) && e.Code != types.ErrInternal {
		return e.Code
	}
	var entry *ns.EntryErr
	if ns.IsGone(err) || errors.As(err, &entry) {
		return types.ErrInvalidNetNS
	}
	return types.ErrInternal
}

// joined is several errors at once, on one line.
type joined []error

func (e joined) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (e joined) Unwrap() []error { return e }

// Join returns one error for all of errs that are not nil, whose text has them
// in order, separated by semicolons, and whose code is that of the first that
// has one. It returns nil if there is none.
func Join(errs ...error) error {
	var all joined
	for _, err := range errs {
		if err != nil {
			all = append(all, err)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

// cniError turns err into the object that is printed for the runtime. An error
// object that a delegate printed passes through unchanged, with its details. Those of one
// within err are the object's, too, and not in its message: runtimes show both.
func cniError(err error) *types.Error {
	if e, ok := err.(*types.Error); ok {
		return e
	}
	var within *types.Error
	if !errors.As(err, &within) {
		return types.NewError(Code(err), oneLine(err), "")
	}
	message := errors.New(strings.Replace(err.Error(), within.Error(), within.Msg, 1))
	return types.NewError(Code(err), oneLine(message), within.Details)
}

// oneLine is the text of an error for a log or a table, where it must not be broken:
// errors.Join puts each error on a line of its own.
func oneLine(err error) string {
	return strings.ReplaceAll(strings.TrimRight(err.Error(), "\n"), "\n", "; ")
}
