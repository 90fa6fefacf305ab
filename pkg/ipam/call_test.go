package ipam

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// fake makes an IPAM plugin of a shell script, which finds its directory in
// $DIR, and returns how to run it and its directory.
func fake(t *testing.T, script string) (*Delegate, string) {
	t.Helper()
	dir := t.TempDir()
	text := "#!/bin/sh\nDIR=" + dir + "\necho $CNI_COMMAND >>$DIR/commands\n" + script
	if err := os.WriteFile(filepath.Join(dir, "fake"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := Find("fake", &skel.CmdArgs{
		ContainerID: "c1", Netns: "/run/netns/x", IfName: "eth0", Args: "K=V", Path: "/nonexistent:" + dir,
		StdinData: []byte(`{"cniVersion":"1.0.0","name":"net1","type":"ptp"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, dir
}

// commands returns the verbs that a fake was asked for.
func commands(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "commands"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path, want string
		code             uint
	}{
		{"a/b", dir, "invalid plugin name: a/b", types.ErrInvalidNetworkConfig},
		{"nosuch", dir, `failed to find plugin "nosuch" in path [` + dir + `]`, types.ErrPluginNotAvailable},
		{"folder", dir, `failed to find plugin "folder" in path [` + dir + `]`, types.ErrPluginNotAvailable},
		{"nosuch", "", "no paths provided", types.ErrInvalidEnvironmentVariables},
	} {
		_, err := Find(c.name, &skel.CmdArgs{Path: c.path})
		if err == nil || err.Error() != c.want || plugin.Code(err) != c.code {
			t.Errorf("%q in %q: error %v, code %d", c.name, c.path, err, plugin.Code(err))
		}
	}
}

func TestNoIPAM(t *testing.T) {
	d, err := Find("", &skel.CmdArgs{})
	if d != nil || err != nil {
		t.Fatal(d, err)
	}
	call := d.Start("ADD")
	defer call.Abandon()
	if result, err := call.Result(context.Background()); err != nil || len(result.IPs) != 0 {
		t.Error(result, err)
	}
	if err := plugin.Join(d.Check(), d.Del(), d.GC(), d.Status()); err != nil {
		t.Error(err)
	}
}

func TestAddPassesEverythingOn(t *testing.T) {
	t.Setenv("CNI_NETNS", "/run/netns/of-another-call")
	t.Setenv("CNI_NETNS_OVERRIDE", "of another call")
	t.Setenv("CNI_EXPERIMENT", "")
	d, dir := fake(t, `cat >$DIR/stdin; env | grep ^CNI_ | grep -v ^CNI_TEST_ | sort >$DIR/env; echo note >&2
		echo '{"ips":[{"address":"192.0.2.7/24"}]}'`)
	result, err := d.Add(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got := result.IPs[0].Address.String(); got != "192.0.2.7/24" {
		t.Errorf("address %s", got)
	}
	stdin, _ := os.ReadFile(filepath.Join(dir, "stdin"))
	if string(stdin) != string(d.args.StdinData) {
		t.Errorf("stdin %s", stdin)
	}
	env, _ := os.ReadFile(filepath.Join(dir, "env"))
	want := "CNI_ARGS=K=V\nCNI_COMMAND=ADD\nCNI_CONTAINERID=c1\nCNI_EXPERIMENT=\nCNI_IFNAME=eth0\nCNI_NETNS=/run/netns/x\nCNI_PATH=" + d.args.Path + "\n"
	if diff := cmp.Diff(want, string(env)); diff != "" {
		t.Error(diff)
	}
}

// A result that names no version is of the configuration's, one that does is of
// its own.
func TestAddReadsOldResults(t *testing.T) {
	for _, printed := range []string{
		`{"cniVersion":"0.2.0","ip4":{"ip":"192.0.2.7/24"}}`,
		`{"cniVersion":"0.4.0","ips":[{"version":"4","address":"192.0.2.7/24"}]}`,
		`{"ips":[{"address":"192.0.2.7/24"}]}`,
	} {
		d, _ := fake(t, "echo '"+printed+"'")
		result, err := d.Add(context.Background())
		if err != nil || len(result.IPs) != 1 || result.IPs[0].Address.String() != "192.0.2.7/24" {
			t.Errorf("%s: %v, %v", printed, result, err)
		}
	}
}

// Each way in which a plugin can fail has its error, and its DEL follows only
// where it may hold an address that it did not report.
func TestAddFailures(t *testing.T) {
	for name, c := range map[string]struct {
		script, want string
		code         uint
		commands     string
	}{
		"error object": {`echo '{"code":11,"msg":"later"}'; exit 1`, "later", 11, "ADD"},
		"silent":       {`exit 3`, "netplugin failed with no error message: exit status 3", 999, "ADD"},
		"on stderr":    {`printf oops >&2; exit 1`, `netplugin failed: "oops": exit status 1`, 999, "ADD"},
		"no object":    {`printf oops; exit 1`, `netplugin failed but error parsing its diagnostic message "oops": exit status 1`, 999, "ADD"},
		"killed":       {`test $CNI_COMMAND = DEL || kill -9 $$`, "netplugin failed with no error message: signal: killed", 999, "ADD DEL"},
		"killed behind its result": {`test $CNI_COMMAND = DEL && exit; echo '{"ips":[{"address":"192.0.2.7/24"}]}'; kill -9 $$`,
			`netplugin failed but error parsing its diagnostic message "{\"ips\":[{\"address\":\"192.0.2.7/24\"}]}\n": signal: killed`, 999, "ADD DEL"},
		"no result": {`exit 0`, "failed to unmarshal raw result: unexpected end of JSON input", 6, "ADD DEL"},
		"no such route": {`echo '{"routes":[{"dst":"10.0.0.0/8","table":-5}]}'`,
			"read result of IPAM plugin: routes[0] has table -5, which is not from 0 to 4294967295", 6, "ADD DEL"},
		"no such vers.": {`echo '{"cniVersion":"3.0.0"}'`, `read result of IPAM plugin: unsupported CNI result version "3.0.0"`, 6, "ADD DEL"},
	} {
		t.Run(name, func(t *testing.T) {
			d, dir := fake(t, c.script)
			_, err := d.Add(context.Background())
			if err == nil || err.Error() != c.want || plugin.Code(err) != c.code {
				t.Errorf("error %v, code %d", err, plugin.Code(err))
			}
			if got := commands(t, dir); got != c.commands {
				t.Errorf("commands %s, want %s", got, c.commands)
			}
		})
	}
}

func TestAddOfWhatCannotRun(t *testing.T) {
	d, dir := fake(t, "")
	path := filepath.Join(dir, "fake")
	if err := os.WriteFile(path, []byte("\x7fELF, not really"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Add(context.Background()); plugin.Code(err) != types.ErrPluginNotAvailable {
		t.Errorf("no program: %v", err)
	}
	writer, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if _, err := d.Add(context.Background()); plugin.Code(err) != types.ErrTryAgainLater {
		t.Errorf("program being written: %v", err)
	}
}

// A plugin that ends well after it was told to terminate has an address that
// nobody will hear of.
func TestAddInterrupted(t *testing.T) {
	d, dir := fake(t, `trap 'echo TERM >>$DIR/commands; echo {}; exit 0' TERM
		test $CNI_COMMAND = DEL && exit; touch $DIR/ready; while :; do sleep 0.02; done`)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for {
			if _, err := os.Stat(filepath.Join(dir, "ready")); err == nil {
				cancel()
				return
			}
		}
	}()
	if _, err := d.Add(ctx); err == nil {
		t.Error("no error")
	}
	if got := commands(t, dir); got != "ADD TERM DEL" {
		t.Errorf("commands %s", got)
	}
}

func TestAbandonedCallDoesNothing(t *testing.T) {
	d, dir := fake(t, `test -n "$(cat)" && touch $DIR/done`)
	call := d.Start("ADD")
	call.Abandon()
	call.Abandon()
	if _, err := os.Stat(filepath.Join(dir, "done")); err == nil {
		t.Error("the plugin went to work")
	}
}

// A plugin that has begun works while its caller does not wait, and what it did in vain
// is undone: by itself, or by DEL if it did not hear in time that it is to terminate.
func TestAbandonedCallHasBegun(t *testing.T) {
	for name, c := range map[string]struct{ command, script, commands string }{
		"holds an address": {"ADD", `trap '' TERM; cat >$DIR/config; touch $DIR/ready; echo {}`, "ADD DEL"},
		"failed":           {"ADD", `trap '' TERM; cat >$DIR/config; touch $DIR/ready; echo '{"code":11}'; exit 1`, "ADD"},
		"undid it":         {"ADD", `trap 'exit 1' TERM; cat >$DIR/config; touch $DIR/ready; while :; do sleep 0.02; done`, "ADD"},
		"only looked":      {"CHECK", `cat >$DIR/config; touch $DIR/ready`, "CHECK"},
	} {
		t.Run(name, func(t *testing.T) {
			d, dir := fake(t, `[ $CNI_COMMAND = DEL ] && exit; `+c.script)
			call := d.Start(c.command)
			call.Begin()
			call.Begin()
			for {
				if _, err := os.Stat(filepath.Join(dir, "ready")); err == nil {
					break
				}
			}
			call.Abandon()
			call.Abandon()
			if got := commands(t, dir); got != c.commands {
				t.Errorf("commands %s, want %s", got, c.commands)
			}
			config, _ := os.ReadFile(filepath.Join(dir, "config"))
			if string(config) != string(d.args.StdinData) {
				t.Errorf("configuration %q", config)
			}
		})
	}
}

func TestLargeConfiguration(t *testing.T) {
	d, dir := fake(t, `wc -c >$DIR/size; head -c 1000000 /dev/zero | tr '\0' ' '; echo '{"ips":[]}'`)
	d.args.StdinData = append(d.args.StdinData, []byte(strings.Repeat(" ", 1<<20))...)
	if _, err := d.Add(context.Background()); err != nil {
		t.Error(err)
	}
	size, _ := os.ReadFile(filepath.Join(dir, "size"))
	if got := strings.TrimSpace(string(size)); got != "1048625" {
		t.Errorf("plugin got %s bytes", got)
	}
}
