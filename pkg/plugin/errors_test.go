package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/ns"
)

func TestCNIError(t *testing.T) {
	delegate := &types.Error{Code: 11, Msg: "try later", Details: "soon"}
	for name, c := range map[string]struct {
		err  error
		want types.Error
	}{
		"no code":         {errors.New("x"), types.Error{Code: 999, Msg: "x"}},
		"code":            {Errorf(7, "bad %s", "key"), types.Error{Code: 7, Msg: "bad key"}},
		"wrapped code":    {fmt.Errorf("a: %w", Errorf(7, "b")), types.Error{Code: 7, Msg: "a: b"}},
		"outermost code":  {Errorf(4, "a: %w", Errorf(7, "b")), types.Error{Code: 4, Msg: "a: b"}},
		"delegate":        {delegate, *delegate},
		"joined":          {Join(errors.New("x"), delegate, nil), types.Error{Code: 11, Msg: "x; try later", Details: "soon"}},
		"one of several":  {Join(nil, Errorf(8, "y")), types.Error{Code: 8, Msg: "y"}},
		"details of one":  {fmt.Errorf("a: %w", delegate), types.Error{Code: 11, Msg: "a: try later", Details: "soon"}},
		"several lines":   {errors.Join(errors.New("x"), errors.New("y\n")), types.Error{Code: 999, Msg: "x; y"}},
		"no namespace":    {fmt.Errorf("a: %w", ns.IsNSorErr("/nonexistent")), types.Error{Code: 8, Msg: "a: failed to Statfs \"/nonexistent\": no such file or directory"}},
		"panic in STATUS": {fmt.Errorf("ptp: %w", Guard(func() error { panic("oh") })), types.Error{Code: 999, Msg: "ptp: panic: oh", Details: report}},
		"joined wrapping": {Join(errors.New("x"), Errorf(8, "y")), types.Error{Code: 8, Msg: "x; y"}},
	} {
		if diff := cmp.Diff(c.want, *cniError(c.err)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestErrorsUnwrap(t *testing.T) {
	if !errors.Is(Errorf(5, "open: %w", fs.ErrNotExist), fs.ErrNotExist) {
		t.Error("Errorf hides its cause")
	}
	if !errors.Is(Join(errors.New("x"), fs.ErrNotExist), fs.ErrNotExist) {
		t.Error("Join hides its parts")
	}
	if Join() != nil || Join(nil, nil) != nil {
		t.Error("nothing joined is an error")
	}
}
