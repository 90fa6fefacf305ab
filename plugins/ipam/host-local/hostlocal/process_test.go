package hostlocal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/commands"
)

// TestMain makes the plugin a command, so that tests run it in processes of its
// own. $CNI_TEST_BIN names a directory whose host-local is run instead.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"host-local": func() { plugin.Main(commands.Plugin) },
	})
}

// call is a run of the plugin.
type call struct {
	verb, id, ifname, args, conf string
	binary                       string // default: ours
	uptime                       string // how many seconds longer the machine seems to be up
}

func (c call) command() *exec.Cmd {
	binary := c.binary
	if dir := os.Getenv("CNI_TEST_BIN"); binary == "" && dir != "" {
		binary = filepath.Join(dir, "host-local")
	}
	if binary == "" {
		binary = "host-local"
	}
	if c.ifname == "" {
		c.ifname = "eth0"
	}
	cmd := exec.Command(binary)
	if c.uptime != "" {
		// In Linux 6.1 who enters a namespace of time by execve(2) can have no threads: with --fork it is by fork(2).
		cmd = exec.Command("unshare", "--fork", "--time", "--boottime", c.uptime, binary)
	}
	cmd.Env = append(os.Environ(), "CNI_COMMAND="+c.verb, "CNI_CONTAINERID="+c.id, "CNI_IFNAME="+c.ifname,
		"CNI_ARGS="+c.args, "CNI_NETNS=/nowhere", "CNI_PATH=/nowhere",
		// A process with race detector else waits for a second at its end.
		"GORACE=atexit_sleep_ms=0")
	cmd.Stdin = strings.NewReader(c.conf)
	return cmd
}

// run returns what the plugin printed, or its error. Anything else, such as text
// on standard error, is a failure of the test.
func (c call) run(t testing.TB) (string, *types.Error) {
	t.Helper()
	cmd := c.command()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if stderr.Len() > 0 {
		t.Errorf("%s %s: on standard error: %s", c.verb, c.id, &stderr)
	}
	if err == nil {
		return stdout.String(), nil
	}
	e := new(types.Error)
	if json.Unmarshal(stdout.Bytes(), e) != nil || cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("%s %s: %v: %s", c.verb, c.id, err, &stdout)
	}
	return "", e
}

// succeeds runs the plugin, which must succeed, and returns what it printed.
func (c call) succeeds(t testing.TB) string {
	t.Helper()
	stdout, err := c.run(t)
	if err != nil {
		t.Fatalf("%s %s: %v", c.verb, c.id, err)
	}
	return stdout
}

// fails runs the plugin, which must fail with that error.
func (c call) fails(t testing.TB, code uint, text string) {
	t.Helper()
	stdout, err := c.run(t)
	if err == nil {
		t.Errorf("%s %s succeeds: %s", c.verb, c.id, stdout)
	} else if err.Code != code || err.Msg != text {
		t.Errorf("%s %s: %d %q, want %d %q", c.verb, c.id, err.Code, err.Msg, code, text)
	}
}

// failsWith is fails for a part of the text.
func (c call) failsWith(t testing.TB, code uint, part string) {
	t.Helper()
	stdout, err := c.run(t)
	if err == nil {
		t.Errorf("%s %s succeeds: %s", c.verb, c.id, stdout)
	} else if err.Code != code || !strings.Contains(err.Msg, part) {
		t.Errorf("%s %s: %d %q, want %d and %q", c.verb, c.id, err.Code, err.Msg, code, part)
	}
}

// add runs ADD, which must succeed, and returns the addresses, space separated.
func (c call) add(t testing.TB) string {
	t.Helper()
	c.verb = "ADD"
	return addresses(t, c.succeeds(t))
}

func addresses(t testing.TB, stdout string) string {
	t.Helper()
	result, err := create.CreateFromBytes([]byte(stdout))
	if err != nil {
		t.Fatal(err)
	}
	r, err := current.NewResultFromResult(result)
	if err != nil {
		t.Fatal(err)
	}
	var ips []string
	for _, ip := range r.IPs {
		ips = append(ips, ip.Address.IP.String())
	}
	return strings.Join(ips, " ")
}

// conf returns a configuration of network "net".
func conf(version, dataDir, ipam string) string {
	return fmt.Sprintf(`{"cniVersion":%q,"name":"net","type":"bridge","ipam":{"type":"host-local","dataDir":%q,%s}}`,
		version, dataDir, ipam)
}

// with adds top-level keys to a configuration.
func with(conf, keys string) string { return strings.TrimSuffix(conf, "}") + "," + keys + "}" }

// state returns the content of all files below dir but for locks and indices.
func state(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "lock" || entry.Name() == ".index" {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(content)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return all
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
