package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadSkips(t *testing.T) {
	path := filepath.Join(t.TempDir(), "skips")
	read := func(content string) (skips, error) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return readSkips(path)
	}
	got, err := read("# comment\n\npkg/ip TestA/b  needs a  card\n")
	if err != nil {
		t.Fatal(err)
	}
	want := skips{{modulePath + "pkg/ip", "TestA/b"}: "needs a card"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("skips (-want +got):\n%s", diff)
	}
	if _, err := read("# comment\npkg/ip TestA\n"); err == nil || !strings.Contains(err.Error(), "skips:2: ") {
		t.Errorf("a line without reason: error %v, want one that names line 2", err)
	}
}
