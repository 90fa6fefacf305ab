// Package errors puts a context before an error's text. The errors it returns
// do not wrap the one they are made from, which upstream's users compare
// against; new code says fmt.Errorf("…: %w", err).
package errors

import (
	"errors"
	"fmt"
)

// Annotate returns an error with the text "message: err", or nil if err is nil.
func Annotate(err error, message string) error {
	if err == nil {
		return nil
	}
	return errors.New(message + ": " + err.Error())
}

// Annotatef is Annotate with a formatted message.
func Annotatef(err error, message string, args ...interface{}) error {
	if err == nil {
		return nil
	}
	return Annotate(err, fmt.Sprintf(message, args...))
}
