package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// attachment is what one container's calls of a plugin have in common.
type attachment struct {
	side   string // whose plugin
	bin    string // the folder of the plugins
	plugin string
	conf   string
	id     string // of the container; also the name of its network namespace
	result json.RawMessage
}

func newAttachment(side, bin, id string, s scenario) *attachment {
	conf := fmt.Sprintf(`{"cniVersion":"1.0.0","name":%q,"type":%q`, networkName(side, s), s.plugin)
	if s.conf != "" {
		conf += "," + s.conf
	}
	return &attachment{side: side, bin: bin, plugin: s.plugin, conf: conf, id: id}
}

// networkName keeps the state of the sides apart, and that of the scenarios.
func networkName(side string, s scenario) string {
	return fmt.Sprintf("%s-%s-%d-%d", side, s.plugin, s.leases, s.parallel)
}

// call runs the plugin once and returns how long the process took. ADD's result goes into
// the configuration of the calls that follow. Input and output are files, so that none of
// the time is spent on copying between pipes.
func (a *attachment) call(verb string) (time.Duration, error) {
	conf := a.conf
	if a.result != nil && verb != "ADD" {
		conf += `,"prevResult":` + string(a.result)
	}
	stdin, err := temporary(conf + "}")
	if err != nil {
		return 0, err
	}
	defer stdin.Close()
	stdout, err := temporary("")
	if err != nil {
		return 0, err
	}
	defer stdout.Close()

	cmd := exec.Command(filepath.Join(a.bin, a.plugin))
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "CNI_COMMAND=" + verb, "CNI_CONTAINERID=" + a.id,
		"CNI_NETNS=" + filepath.Join(netnsFolder, a.id), "CNI_IFNAME=eth0", "CNI_PATH=" + a.bin,
	}
	if a.plugin == "loopback" {
		cmd.Env = append(cmd.Env, "CNI_IFNAME=lo")
	}
	cmd.Stdin, cmd.Stdout = stdin, stdout
	took, err := timed(cmd)

	output, readErr := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", stdout.Fd()))
	if err != nil {
		return 0, fmt.Errorf("%s of %s: %w: %s", verb, filepath.Join(a.bin, a.plugin), err, output)
	}
	if verb == "ADD" {
		a.result = output
	}
	return took, readErr
}

// timed runs a command and returns the time from before its start to after its end.
func timed(cmd *exec.Cmd) (time.Duration, error) {
	start := time.Now()
	err := cmd.Run()
	return time.Since(start), err
}

// temporary opens a file that has no name any more, to be read from the start.
func temporary(content string) (*os.File, error) {
	f, err := os.CreateTemp("/run", "bench")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, err
	}
	if _, err := f.WriteString(content); err != nil {
		return nil, err
	}
	_, err = f.Seek(0, 0)
	return f, err
}
