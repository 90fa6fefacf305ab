package plugin

import (
	"fmt"
	"os"
	"strings"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// ConfigPath is the file that has what is not in the environment, for runtimes that do not
// hand theirs on to all calls: lines of the form CNI_CALL_LOG=/var/log/cni-calls.json, and
// comments behind #. Where it is missing, a call pays for one open(2).
const ConfigPath = "/etc/cni/cni-plugins.conf"

// logSettings are where to log calls, and in which form: LogVariable and LogFormatVariable.
type logSettings struct{ path, format string }

// readLogSettings returns those of the environment, and otherwise those of the file at path.
// A variable that is set, if to nothing, says that there is nothing to look for.
func readLogSettings(path string) (s logSettings) {
	if value, set := os.LookupEnv(LogVariable); set {
		return logSettings{value, os.Getenv(LogFormatVariable)}
	}
	text, err := unpolled.ReadFile(path)
	if err != nil {
		return s
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		name, value, ok := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case ok && name == LogVariable:
			s.path = value
		case ok && name == LogFormatVariable:
			s.format = value
		default:
			fmt.Fprintf(os.Stderr, "%s: %q is none of %s=PATH and %s=json|otlp\n", path, line, LogVariable, LogFormatVariable)
		}
	}
	return s
}
