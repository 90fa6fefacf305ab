package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every plugin's folder has its line in the bundle, and every line its folder.
func TestAllPlugins(t *testing.T) {
	mains, err := filepath.Glob("../*/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var folders, names []string
	for _, path := range mains {
		folders = append(folders, filepath.Base(filepath.Dir(path)))
	}
	for _, p := range plugins {
		names = append(names, p.Name)
	}
	slices.Sort(folders)
	slices.Sort(names)
	if diff := cmp.Diff(folders, names); diff != "" {
		t.Errorf("plugins (-folders +bundle):\n%s", diff)
	}
}
