package testutils

import "errors"

// BadReader is an io.ReadCloser that cannot be read.
type BadReader struct {
	// Error is what Read returns. Default: an error that says "banana".
	Error error
}

// Read returns the error.
func (r *BadReader) Read(_ []byte) (int, error) {
	if r.Error != nil {
		return 0, r.Error
	}
	return 0, errors.New("banana")
}

// Close returns nil.
func (r *BadReader) Close() error { return nil }
