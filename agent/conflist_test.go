package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	machine "github.com/containernetworking/plugins/integration/node"
)

// A template that is wrong, or a plugin that is missing, is an error that says so, and the
// conflist stays as it is.
func TestConflistErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"loopback", "ptp", "host-local", "portmap", "firewall", "bandwidth"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := conflist{builtin: ptpTemplate, template: filepath.Join(dir, "template"), confDir: dir, binDir: dir}
	f := facts{PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.1.0/24")}, MTU: 1450}
	set := func(text string) {
		if err := os.WriteFile(c.template, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	set(ptpTemplate)
	noticed := likeContainerd(t, dir)
	if err := c.write(f); err != nil {
		t.Fatal(err)
	}
	select {
	case <-noticed:
	case <-time.After(deadline):
		t.Error("containerd would not notice the conflist")
	}
	before, err := os.ReadFile(c.path())
	if err != nil || !strings.Contains(string(before), `"mtu": 1450`) || !strings.Contains(string(before), `[{"dst":"0.0.0.0/0"}]`) {
		t.Errorf("error %v, conflist\n%s", err, before)
	}
	other := filepath.Join(dir, "05-other.conf")
	if err := os.WriteFile(other, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.write(f); err == nil || !strings.Contains(err.Error(), other+" comes before") {
		t.Errorf("with another configuration: error %v", err)
	}
	for text, want := range map[string]string{
		"{{ .MTU":           "template of the conflist",
		"{{ .Unknown }}":    "template of the conflist",
		`{"cniVersion": 1}`: "template of the conflist",
		strings.Replace(ptpTemplate, `"bandwidth"`, `"tuning"`, 1):       `plugin "tuning"`,
		strings.Replace(ptpTemplate, `"host-local"`, `"whereabouts"`, 1): `plugin "whereabouts"`,
	} {
		set(text)
		if err := c.write(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err := os.Remove(c.template); err != nil {
		t.Fatal(err)
	}
	if err := c.write(f); err == nil {
		t.Error("no error without the template")
	}
	if after, _ := os.ReadFile(c.path()); string(after) != string(before) {
		t.Errorf("the conflist has become\n%s", after)
	}
}

// The conflist comes when the plugins come, and again when somebody takes it away.
func TestConflistComesBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.addHost(1, 1)
	s.join(a)
	bin, err := machine.Bin()
	if err != nil {
		t.Fatal(err)
	}
	a.Exec(t, "mkdir", "/run/bin")
	agent := a.start("-bin-dir", "/run/bin")
	agent.Await(t, "in /run/bin: no such file", 1, deadline)
	a.Exec(t, "sh", "-c", "cp "+bin+"/* /run/bin/")
	agent.Await(t, settledMessage, 1, deadline)
	first := a.read(confDir + "/" + conflistName)
	a.Exec(t, "rm", confDir+"/"+conflistName)
	eventually(t, func() string {
		if text := a.read(confDir + "/" + conflistName); text != first || text == "" {
			return "the conflist is " + text
		}
		return ""
	})
}

// likeContainerd watches a directory as containerd does, which notices nothing of files
// that are just there all of a sudden.
func likeContainerd(t *testing.T, dir string) <-chan struct{} {
	t.Helper()
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		err = watcher.Add(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { watcher.Close() })
	noticed := make(chan struct{})
	go func() {
		for e := range watcher.Events {
			if !e.Has(fsnotify.Create) && !e.Has(fsnotify.Chmod) {
				if _, err := os.Stat(filepath.Join(dir, conflistName)); err == nil {
					close(noticed)
					return
				}
			}
		}
	}()
	return noticed
}
