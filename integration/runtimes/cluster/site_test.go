package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// site is the place beside the cluster where the tests run: what is outside of it. Its
// methods end the test where something fails.
type site struct {
	testing.TB
	way way
}

// do runs a program of the site and returns what it prints.
func (s site) do(name string, args ...string) string {
	s.Helper()
	out, err := try(name, args...)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// try runs a program of the site, which may fail: the error has what it printed.
func try(name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.String(), nil
}

// kubectl calls the API server. The command has no quotes.
func (s site) kubectl(command string) string {
	s.Helper()
	return s.do("kubectl", strings.Fields(command)...)
}

// apply makes objects from their text, or changes those that are there.
func (s site) apply(objects string) {
	s.Helper()
	s.pass("apply", objects)
}

// create makes new objects, which is faster for many.
func (s site) create(objects string) {
	s.Helper()
	s.pass("create", objects)
}

func (s site) pass(verb, objects string) {
	s.Helper()
	cmd := exec.Command("kubectl", verb, "--filename", "-")
	cmd.Stdin = strings.NewReader(objects)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("kubectl %s: %v: %s", verb, err, out)
	}
}

// on runs a shell's command on a node.
func (s site) on(node, command string) string {
	s.Helper()
	return s.do(os.Getenv("CLUSTER"), "on", node, "sh", "-ec", command)
}

// power switches a node "on" or "off".
func (s site) power(node, state string) {
	s.Helper()
	s.do(os.Getenv("CLUSTER"), map[string]string{"on": "up", "off": "down"}[state], node)
}

// kill kills a daemon of a node, which starts again.
func (s site) kill(node, daemon string) {
	s.Helper()
	s.do(os.Getenv("CLUSTER"), "kill", node, daemon)
}

// await waits until there is no error, and fails with the last one if that takes longer than
// limit. It returns how long it took.
func (s site) await(limit time.Duration, test func() error) time.Duration {
	s.Helper()
	start := time.Now()
	for {
		err := test()
		took := time.Since(start)
		if err == nil {
			return took.Round(100 * time.Millisecond)
		}
		if took > limit {
			s.Fatalf("after %v: %v", limit, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// get reads an object, or a list of them, into a value.
func get(into any, what ...string) error {
	out, err := try("kubectl", append([]string{"get", "--output", "json"}, what...)...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), into)
}
