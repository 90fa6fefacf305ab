package hostlocal_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const small = `"ranges":[[{"subnet":"10.9.9.0/30"}]]`
	status := func(dataDir, ipam string) call { return call{verb: "STATUS", conf: conf("1.1.0", dataDir, ipam)} }
	status(dir, small).succeeds(t)
	status(dir, `"ranges":[]`).fails(t, 50, "host-local: no IP ranges specified")
	// libcni gives STATUS nothing of what the runtime has.
	const fromRuntime = `"capabilities":{"ipRanges":true}`
	call{verb: "STATUS", conf: with(conf("1.1.0", dir, `"ranges":[]`), fromRuntime)}.succeeds(t)
	call{verb: "STATUS", conf: with(conf("1.1.0", dir, `"subnet":"10.9.9.0/33"`), fromRuntime)}.failsWith(t, 50, "10.9.9.0/33")
	write(t, filepath.Join(dir, "file"), "")
	call{verb: "STATUS", conf: with(conf("1.1.0", filepath.Join(dir, "file"), `"ranges":[]`), fromRuntime)}.failsWith(t, 50, "file")
	status(filepath.Join(dir, "file"), small).failsWith(t, 50, "file")

	status(dir, small+`,"statusExhausted":true`).succeeds(t)
	call{id: "a", conf: conf("1.1.0", dir, small)}.add(t)
	before := state(t, dir)
	status(dir, small).succeeds(t)
	status(dir, small+`,"statusExhausted":true`).fails(t, 50, "host-local: no IP addresses available in range set: 10.9.9.1-10.9.9.2")
	if diff := cmp.Diff(before, state(t, dir)); diff != "" {
		t.Error(diff)
	}
}
