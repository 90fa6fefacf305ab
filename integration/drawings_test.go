package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// Each plugin's README begins with a drawing of what the plugin makes, which fits into a
// terminal and whose boxes are straight.
func TestDrawings(t *testing.T) {
	mains, err := filepath.Glob("../plugins/*/*/main.go")
	if err != nil || len(mains) == 0 {
		t.Fatalf("no plugins: %v", err)
	}
	for _, path := range mains {
		path := filepath.Join(filepath.Dir(path), "README.md")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		top, _, _ := strings.Cut(string(text), "\n## ")
		_, drawing, _ := strings.Cut(top, "\n```\n")
		drawing, _, _ = strings.Cut(drawing, "\n```")
		lines := strings.Split(drawing, "\n")
		if len(lines) < 4 {
			t.Errorf("%s: no drawing before the first section", path)
			continue
		}
		border := columns(lines[1], "┌┐")
		if len(border) == 0 || len(border)%2 != 0 {
			t.Errorf("%s: the second line is not the top of boxes:\n%s", path, lines[1])
		}
		for _, line := range lines[2:] {
			if n := utf8.RuneCountInString(line); n > 76 {
				t.Errorf("%s: %d columns:\n%s", path, n, line)
			}
			for _, column := range border {
				if r := []rune(line); column >= len(r) || !strings.ContainsRune("│┼├┤└┘", r[column]) {
					t.Errorf("%s: no border in column %d:\n%s", path, column, line)
				}
			}
		}
	}
}

// columns are where a line has one of some characters.
func columns(line, characters string) []int {
	var list []int
	for i, r := range []rune(line) {
		if strings.ContainsRune(characters, r) {
			list = append(list, i)
		}
	}
	return list
}
