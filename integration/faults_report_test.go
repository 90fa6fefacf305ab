package integration

import (
	"errors"
	"fmt"
	"testing"

	"github.com/containernetworking/plugins/integration/faults"
)

// row is what came of the faults in a verb of a subject.
type row struct {
	subject, verb string
	// points are the calls that went wrong; left how often something was left behind the
	// DEL after that, stuck how often a container could not be attached again, and other
	// how often the plugin ended as it must not.
	points, left, stuck, other int
}

func (r *row) count(hit *faults.Point, err error) {
	if hit != nil {
		r.points++
	}
	switch {
	case errors.Is(err, errLeft):
		r.left++
	case errors.Is(err, errStuck):
		r.stuck++
	case err != nil:
		r.other++
	}
}

// write writes the row to the report.
func (r *row) write(t *testing.T) {
	if r.points > 0 {
		writeReport(t, fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t%d\n", r.subject, r.verb, r.points, r.left, r.stuck, r.other))
	}
}
