package testutils

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

// running is held while a verb runs, as the environment and the standard
// output are those of the whole process. Tests that run in parallel take turns;
// a verb that runs another one through this package would wait for ever.
var running sync.Mutex

// CmdAdd calls f, a plugin's ADD, with the environment that a runtime gives it:
// the CNI variables, CNI_PATH being $PATH, and CNI_NETNS_OVERRIDE=1, as the
// test may be in the namespace that it names. It returns what f printed, and
// that as a result of the version that conf has. The environment is as before
// when it returns.
func CmdAdd(cniNetns, cniContainerID, cniIfname string, conf []byte, f func() error) (types.Result, []byte, error) {
	var out []byte
	err := runVerb("ADD", cniNetns, cniContainerID, cniIfname, func() (err error) {
		out, err = capture(f)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	confVersion, err := (&version.ConfigDecoder{}).Decode(conf)
	if err != nil {
		return nil, nil, fmt.Errorf("version of the configuration: %w", err)
	}
	result, err := version.NewResult(confVersion, out)
	if err != nil {
		return nil, nil, fmt.Errorf("result %q: %w", out, err)
	}
	return result, out, nil
}

// CmdAddWithArgs is [CmdAdd] with the parameters in args.
func CmdAddWithArgs(args *skel.CmdArgs, f func() error) (types.Result, []byte, error) {
	return CmdAdd(args.Netns, args.ContainerID, args.IfName, args.StdinData, f)
}

// CmdCheck calls f, a plugin's CHECK, with the environment of [CmdAdd].
func CmdCheck(cniNetns, cniContainerID, cniIfname string, f func() error) error {
	return runVerb("CHECK", cniNetns, cniContainerID, cniIfname, f)
}

// CmdCheckWithArgs is [CmdCheck] with the parameters in args.
func CmdCheckWithArgs(args *skel.CmdArgs, f func() error) error {
	return CmdCheck(args.Netns, args.ContainerID, args.IfName, f)
}

// CmdDel calls f, a plugin's DEL, with the environment of [CmdAdd].
func CmdDel(cniNetns, cniContainerID, cniIfname string, f func() error) error {
	return runVerb("DEL", cniNetns, cniContainerID, cniIfname, f)
}

// CmdDelWithArgs is [CmdDel] with the parameters in args.
func CmdDelWithArgs(args *skel.CmdArgs, f func() error) error {
	return CmdDel(args.Netns, args.ContainerID, args.IfName, f)
}

// CmdStatus calls f, a plugin's STATUS, with the environment of [CmdAdd] but
// for what names an attachment.
func CmdStatus(f func() error) error {
	running.Lock()
	defer running.Unlock()
	defer setEnv(commonEnv("STATUS"))()
	return f()
}

func runVerb(verb, netns, containerID, ifName string, f func() error) error {
	running.Lock()
	defer running.Unlock()
	env := commonEnv(verb)
	env["CNI_NETNS"] = netns
	env["CNI_CONTAINERID"] = containerID
	env["CNI_IFNAME"] = ifName
	defer setEnv(env)()
	return f()
}

func commonEnv(verb string) map[string]string {
	return map[string]string{
		"CNI_COMMAND":        verb,
		"CNI_PATH":           os.Getenv("PATH"),
		"CNI_NETNS_OVERRIDE": "1",
	}
}

// setEnv sets variables and returns what sets them back.
func setEnv(env map[string]string) (restore func()) {
	var undo []func()
	for name, value := range env {
		if before, set := os.LookupEnv(name); set {
			undo = append(undo, func() { os.Setenv(name, before) })
		} else {
			undo = append(undo, func() { os.Unsetenv(name) })
		}
		os.Setenv(name, value)
	}
	return func() {
		for _, f := range undo {
			f()
		}
	}
}

// capture returns what f prints. It reads while f runs: a pipe takes 64 KiB and
// then blocks.
func capture(f func() error) ([]byte, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out bytes.Buffer
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(&out, r)
		read <- err
	}()
	if err := printTo(w, f); err != nil {
		return nil, err
	}
	if err := <-read; err != nil {
		return nil, fmt.Errorf("read what was printed: %w", err)
	}
	return out.Bytes(), nil
}

// printTo runs f with w as standard output, and closes w also if f panics.
func printTo(w *os.File, f func() error) error {
	stdout := os.Stdout
	os.Stdout = w
	defer func() {
		os.Stdout = stdout
		w.Close()
	}()
	return f()
}
