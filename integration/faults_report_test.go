package integration

import (
	"errors"
	"fmt"
	"os"
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

// write appends the row to the file that CNI_TEST_REPORT names, if it does. Tests in
// several processes do so at once.
func (r *row) write(t *testing.T) {
	path := os.Getenv("CNI_TEST_REPORT")
	if path == "" || r.points == 0 {
		return
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		t.Error(err)
		return
	}
	defer file.Close()
	if _, err := fmt.Fprintf(file, "%s\t%s\t%d\t%d\t%d\t%d\n", r.subject, r.verb, r.points, r.left, r.stuck, r.other); err != nil {
		t.Error(err)
	}
}
