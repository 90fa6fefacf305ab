package plugin

import (
	"encoding/json"
	"os"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"golang.org/x/sys/unix"
)

// LogVariable names the environment variable with the path of a call log: each
// verb of each plugin, delegates included, appends a line of JSON to it. By
// default there is no log.
const LogVariable = "CNI_CALL_LOG"

type call struct {
	Time        time.Time `json:"time"`
	Plugin      string    `json:"plugin"`
	Command     string    `json:"command"`
	ContainerID string    `json:"containerID,omitempty"`
	Netns       string    `json:"netns,omitempty"`
	IfName      string    `json:"ifname,omitempty"`
	Seconds     float64   `json:"seconds"`
	Error       string    `json:"error,omitempty"`
}

// logCall starts the log entry of a call and returns what finishes it. A log
// that cannot be written never fails the call.
func logCall(plugin, command string, args *skel.CmdArgs) func(error) {
	path := os.Getenv(LogVariable)
	if path == "" {
		return func(error) {}
	}
	start := time.Now()
	return func(err error) {
		entry := call{
			Time: start, Plugin: plugin, Command: command,
			ContainerID: args.ContainerID, Netns: args.Netns, IfName: args.IfName,
			Seconds: time.Since(start).Seconds(),
		}
		if err != nil {
			entry.Error = err.Error()
		}
		line, _ := json.Marshal(entry)
		// One write in append mode: lines of processes that run beside each
		// other do not mix. A FIFO may have no reader.
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o600)
		if err != nil {
			return
		}
		defer file.Close()
		file.Write(append(line, '\n'))
	}
}
