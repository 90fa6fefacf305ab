package gc

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/containernetworking/plugins/plugins/bundle/libcni"
)

// What a runtime has deleted or added again since it was looked at is left alone.
func TestRemoveOfWhatChanged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "results", "net-c-eth0")
	text, err := json.Marshal(map[string]any{
		"kind": "cniCacheV1", "networkName": "net", "containerId": "c", "ifName": "eth0",
		"config": []byte(`{"name": "net", "type": "none"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	write(string(text))
	cached, err := libcni.ReadCache(dir)
	if err != nil || len(cached) != 1 {
		t.Fatalf("%v, %v", cached, err)
	}
	if err := (collection{}).remove(cached[0]); err == nil {
		t.Error("no error, and there is no plugin")
	}
	write("since")
	if err := (collection{}).remove(cached[0]); err != nil {
		t.Error(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := (collection{}).remove(cached[0]); err != nil {
		t.Error(err)
	}
}
