package errors_test

import (
	stderrors "errors"
	"reflect"
	"testing"

	"github.com/containernetworking/plugins/pkg/errors"
)

func TestAnnotate(t *testing.T) {
	cause := stderrors.New("cause")
	tests := []struct{ got, want error }{
		{errors.Annotate(nil, "message"), nil},
		{errors.Annotate(cause, "message"), stderrors.New("message: cause")},
		{errors.Annotate(cause, "100%"), stderrors.New("100%: cause")},
		{errors.Annotatef(nil, "message %d", 1), nil},
		{errors.Annotatef(cause, "message %d %s", 1, "x"), stderrors.New("message 1 x: cause")},
	}
	for _, test := range tests {
		// Not only the text: importers compare whole errors.
		if !reflect.DeepEqual(test.got, test.want) {
			t.Errorf("got %#v, want %#v", test.got, test.want)
		}
	}
}
