package integration

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each test that a document names for what it promises is there.
func TestNamedTests(t *testing.T) {
	t.Parallel()
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	name := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)")
	defined, named := map[string]bool{}, map[string]string{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "vendor" || entry.Name() == ".git"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go") && filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		for _, found := range function.FindAllSubmatch(text, -1) {
			defined[string(found[1])] = true
		}
		if filepath.Ext(path) == ".md" {
			for _, found := range name.FindAllSubmatch(text, -1) {
				named[string(found[1])] = path
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for test, document := range named {
		if !defined[test] {
			t.Errorf("%s names %s, which is not there", document, test)
		}
	}
	if len(named) == 0 {
		t.Error("no document names a test")
	}
}
