package main

import (
	"fmt"
	"os"
	"strings"
)

// skips maps the tests that may skip on every kernel to why they may.
type skips map[testName]string

// readSkips reads a list with one test per line: package (relative to the module), test
// and reason. Lines that begin with # are comments.
func readSkips(path string) (skips, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	allowed := skips{}
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return nil, fmt.Errorf("%s:%d: want package, test and reason", path, i+1)
		}
		allowed[testName{modulePath + fields[0], fields[1]}] = strings.Join(fields[2:], " ")
	}
	return allowed, nil
}
