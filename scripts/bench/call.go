package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// attachment is what one container's calls of the plugins of a chain have in common.
type attachment struct {
	side    string // whose plugins
	bin     string // the folder of the plugins
	network string
	chain   []member
	id      string // of the container; also the name of its network namespace
	port    string // on the host
	result  json.RawMessage
}

func newAttachment(side, bin, id string, s scenario) *attachment {
	var number int
	_, _ = fmt.Sscanf(id, namespace, &number) // 0 for those that are called otherwise
	return &attachment{side: side, bin: bin, network: networkName(side, s), chain: s.chain(), id: id, port: fmt.Sprint(8080 + number)}
}

// ownPort stands in a configuration for a port of the host that no other container has.
const ownPort = "PORT"

// networkName keeps the state of the sides apart, and that of the scenarios.
func networkName(side string, s scenario) string {
	return fmt.Sprintf("%s-%s-%d-%d", side, s.plugin, s.leases, s.parallel)
}

// call runs each plugin of the chain once, as a runtime does: for DEL the last one first.
// It returns how long each process took.
func (a *attachment) call(verb string) ([]time.Duration, error) {
	took := make([]time.Duration, len(a.chain))
	for i := range a.chain {
		if verb == "DEL" {
			i = len(a.chain) - 1 - i
		}
		d, err := a.run(verb, a.chain[i])
		if err != nil {
			return nil, err
		}
		took[i] = d
	}
	return took, nil
}

// run runs one plugin. ADD's result goes into the configuration of the calls that follow.
// Input and output are files, so that none of the time is spent on copying between pipes.
func (a *attachment) run(verb string, m member) (time.Duration, error) {
	if verb == "repair" && !slices.Contains([]string{"bridge", "ptp", "portmap", "firewall"}, m.plugin) {
		return 0, nil
	}
	stdin, err := temporary(a.config(verb, m))
	if err != nil {
		return 0, err
	}
	defer stdin.Close()
	stdout, err := temporary("")
	if err != nil {
		return 0, err
	}
	defer stdout.Close()

	cmd := a.command(verb, m)
	cmd.Stdin, cmd.Stdout = stdin, stdout
	took, err := timed(cmd)

	output, readErr := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", stdout.Fd()))
	if err != nil {
		return 0, fmt.Errorf("%s of %s: %w: %s", verb, filepath.Join(a.bin, m.plugin), err, output)
	}
	if verb == "ADD" {
		a.result = output
	}
	return took, readErr
}

// config is what the plugin gets. The network that GC is about has no attachment, and so
// it looks at those of others alone.
func (a *attachment) config(verb string, m member) string {
	version, network := "1.0.0", a.network
	switch verb {
	case "GC":
		version, network = "1.1.0", "another"
	case "STATUS":
		version = "1.1.0"
	}
	conf := fmt.Sprintf(`{"cniVersion":%q,"name":%q,"type":%q`, version, network, m.plugin)
	if m.conf != "" {
		conf += "," + strings.ReplaceAll(m.conf, ownPort, a.port)
	}
	switch {
	case verb == "GC":
		conf += `,"cni.dev/valid-attachments":[]`
	case a.result != nil:
		conf += `,"prevResult":` + string(a.result)
	}
	return conf + "}"
}

// command is the plugin's process, for a verb or for the command repair.
func (a *attachment) command(verb string, m member) *exec.Cmd {
	cmd := exec.Command(filepath.Join(a.bin, m.plugin))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	if verb == "repair" {
		cmd.Args = append(cmd.Args, verb)
		return cmd
	}
	cmd.Env = append(cmd.Env, "CNI_COMMAND="+verb, "CNI_CONTAINERID="+a.id,
		"CNI_NETNS="+filepath.Join(netnsFolder, a.id), "CNI_IFNAME=eth0", "CNI_PATH="+a.bin)
	if m.plugin == "loopback" {
		cmd.Env = append(cmd.Env, "CNI_IFNAME=lo")
	}
	return cmd
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
