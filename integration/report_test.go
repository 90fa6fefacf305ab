package integration

import (
	"os"
	"testing"
)

// writeReport appends to the file that CNI_TEST_REPORT names, if it does. Tests in several
// processes do so at once.
func writeReport(t testing.TB, text string) {
	t.Helper()
	path := os.Getenv("CNI_TEST_REPORT")
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		t.Error(err)
		return
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Error(err)
	}
}
