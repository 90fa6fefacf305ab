package hostlocal_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParallel runs 100 processes at once.
func TestParallel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := conf("1.0.0", dir, twoSets)
	var mu sync.Mutex
	holders := map[string]string{}
	each := func(verb func(id string)) {
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() { verb(fmt.Sprintf("c%d", i)) })
		}
		all.Wait()
	}
	each(func(id string) {
		stdout, err := call{verb: "ADD", id: id, conf: c}.run(t)
		if err != nil {
			t.Errorf("ADD %s: %v", id, err)
			return
		}
		ips := addresses(t, stdout)
		mu.Lock()
		defer mu.Unlock()
		if other, taken := holders[ips]; taken {
			t.Errorf("%s and %s have %s", id, other, ips)
		}
		holders[ips] = id
	})
	if len(holders) != 100 {
		t.Errorf("%d addresses", len(holders))
	}
	each(func(id string) {
		if _, err := (call{verb: "CHECK", id: id, conf: c}).run(t); err != nil {
			t.Errorf("CHECK %s: %v", id, err)
		}
	})
	each(func(id string) {
		if _, err := (call{verb: "DEL", id: id, conf: c}).run(t); err != nil {
			t.Errorf("DEL %s: %v", id, err)
		}
	})
	want := map[string]string{"net/last_reserved_ip.0": "10.1.2.101", "net/last_reserved_ip.1": "2001:db8:1::65"}
	if diff := cmp.Diff(want, state(t, dir)); diff != "" {
		t.Error(diff)
	}
}
