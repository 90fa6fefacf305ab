package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An address that is given to another container while leases are read makes that one no
// older than it is.
func TestEachFileWhileReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "10.244.1.2")
	replace := func(text string, age time.Duration) {
		temporary := filepath.Join(dir, ".new")
		modified := time.Now().Add(-age)
		if err := os.WriteFile(temporary, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
		if err := os.Chtimes(temporary, modified, modified); err != nil {
			t.Error(err)
		}
		if err := os.Rename(temporary, path); err != nil {
			t.Error(err)
		}
	}
	end := time.Now().Add(time.Second)
	replaced := make(chan struct{})
	go func() {
		defer close(replaced)
		for time.Now().Before(end) {
			replace("old", time.Hour)
			replace("young", 0)
		}
	}()
	for time.Now().Before(end) && !t.Failed() {
		err := eachFile(dir, func(info fs.FileInfo, text []byte) {
			if info.Name() == filepath.Base(path) && string(text) == "young" && time.Since(info.ModTime()) > time.Minute {
				t.Error("the young lease seems to be old")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	<-replaced
}
