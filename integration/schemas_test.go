package integration

import (
	"os/exec"
	"testing"
)

// TestSchemas runs the tests of the module schemas.
func TestSchemas(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "test", "-count=1", ".")
	cmd.Dir = "schemas"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
