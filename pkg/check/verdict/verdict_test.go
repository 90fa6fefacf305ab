package verdict_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/containernetworking/plugins/pkg/check/verdict"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// What is tuned passes, wherever it is among the others, unless the configuration is
// strict; all else is passed on as it is.
func TestOf(t *testing.T) {
	mtu, promiscuity := verdict.Tuned(errors.New("MTU")), verdict.Tuned(errors.New("promiscuity"))
	down := plugin.Errorf(50, "down")
	two := fmt.Errorf("%w: %w", errors.New("both"), down)
	for _, test := range []struct {
		name        string
		differences error
		want, all   string
	}{
		{"none", nil, "<nil>", "<nil>"},
		{"tuned", mtu, "<nil>", "MTU"},
		{"only tuned", plugin.Join(mtu, plugin.Join(promiscuity)), "<nil>", "MTU; promiscuity"},
		{"broken", down, "down", "down"},
		{"both", plugin.Join(plugin.Join(mtu, down), nil, promiscuity, two), "down; both: down", "MTU; down; promiscuity; both: down"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := verdict.Of([]byte(`{"strictCheck": false}`), test.differences)
			if got := fmt.Sprint(err); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
			if err != nil && plugin.Code(err) != 50 {
				t.Errorf("code %d", plugin.Code(err))
			}
			if got := fmt.Sprint(verdict.Of([]byte(`{"strictCheck": true}`), test.differences)); got != test.all {
				t.Errorf("strictly: %s, want %s", got, test.all)
			}
		})
	}
}
