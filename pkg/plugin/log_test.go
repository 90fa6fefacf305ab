package plugin

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// The environment comes first, if it says that there is no log.
func TestLogSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conf")
	for _, test := range []struct {
		text, variable string
		want           logSettings
	}{
		{"CNI_CALL_LOG=/var/log/a=b\n", "unset", logSettings{"/var/log/a=b", ""}},
		{"# calls\n\n CNI_CALL_LOG_FORMAT=otlp\nCNI_CALL_LOG=/x\n", "unset", logSettings{"/x", "otlp"}},
		{"CNI_CALL_LOG=/x\nCNI_CALL_LOGS=/y\nnonsense", "unset", logSettings{"/x", ""}},
		{"CNI_CALL_LOG_FORMAT=otlp\nCNI_CALL_LOG=/x\n", "/env", logSettings{"/env", ""}},
		{"CNI_CALL_LOG=/x\n", "", logSettings{}},
		{"", "unset", logSettings{}},
	} {
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv(LogFormatVariable, "")
		t.Setenv(LogVariable, test.variable)
		if test.variable == "unset" {
			os.Unsetenv(LogVariable)
		}
		if got := readLogSettings(path); got != test.want {
			t.Errorf("%q, variable %q: %+v", test.text, test.variable, got)
		}
	}
	os.Unsetenv(LogVariable)
	if got := readLogSettings(filepath.Dir(path)); got != (logSettings{}) {
		t.Errorf("of no file: %+v", got)
	}
}

// A line says for which pod, and what it got.
func TestLogOfPod(t *testing.T) {
	for text, want := range map[string]string{
		"IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web-0": "ns/web-0",
		"K8S_POD_NAMESPACE=ns": "",
		"":                     "",
	} {
		a := args("1.0.0")
		a.Args = text
		if got := (&loggedCall{args: a}).podName(); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	lines := logLines(t, "", nil)
	var got callEntry
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"192.0.2.7/24"}, got.Addresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

// A FIFO whose reader does not keep up gets no line, and keeps no call waiting.
func TestLogOfFullFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for err == nil {
		_, err = unix.Write(fd, make([]byte, 4096))
	}
	done := make(chan struct{})
	go func() { appendLine(path, []byte("{}")); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("waits for the reader")
	}
}
