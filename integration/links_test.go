package integration

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every link from one document to another leads to a file that is there, and to a heading
// in it.
func TestLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)\s:]+)\)`)
	for _, path := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(readText(t, path), -1) {
			file, heading, _ := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s leads nowhere", path, m[1])
			} else if heading != "" && !anchors(readText(t, target))[heading] {
				t.Errorf("%s: %s: no such heading", path, m[1])
			}
		}
	}
}

// Every unit of systemd that a document names is there.
func TestNamedUnits(t *testing.T) {
	t.Parallel()
	for _, path := range documents(t) {
		for _, unit := range regexp.MustCompile(`\bcni-[a-z-]+\.(service|socket|timer)\b`).FindAllString(readText(t, path), -1) {
			found, err := filepath.Glob("../scripts/systemd/" + unit)
			ofPlugins, err2 := filepath.Glob("../plugins/*/*/systemd/" + unit)
			if len(found)+len(ofPlugins) == 0 || err != nil || err2 != nil {
				t.Errorf("%s: there is no %s", path, unit)
			}
		}
	}
}

// documents lists the documents of the repository.
func documents(t *testing.T) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "vendor" || entry.Name() == ".git"):
			return fs.SkipDir
		case filepath.Ext(path) == ".md":
			list = append(list, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// anchors are the names by which links find the headings of a document: lower case, with
// hyphens for spaces and without punctuation.
func anchors(document string) map[string]bool {
	found := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(document, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N}\- _]`).ReplaceAllString(strings.ToLower(m[1]), "")
		found[strings.ReplaceAll(name, " ", "-")] = true
	}
	return found
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
