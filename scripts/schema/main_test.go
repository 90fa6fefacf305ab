package main

import (
	"bytes"
	"os"
	"testing"
)

func plugins(t *testing.T) []*plugin {
	t.Helper()
	found, err := find("../..")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The files are those that the comments make now.
func TestUpToDate(t *testing.T) {
	for _, p := range plugins(t) {
		files, err := p.files()
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		for path, want := range files {
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is not what the comments say: run go run ./scripts/schema (%v)", path, err)
			}
		}
	}
}
