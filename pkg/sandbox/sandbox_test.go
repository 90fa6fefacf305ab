package sandbox_test

import (
	"encoding/json"
	"net/netip"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/sandbox"
)

func run(t *testing.T, command string) {
	t.Helper()
	if out, err := exec.Command("sh", "-ec", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
}

// hide gives the test a /run of its own, on its thread, which ends with it.
func hide(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	err := unix.Unshare(unix.CLONE_NEWNS)
	if err == nil {
		err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	if err == nil {
		err = unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestIsGone(t *testing.T) {
	hide(t)
	const name, path = "sandboxtest", "/run/netns/sandboxtest"
	add := func() {
		run(t, "ip netns add "+name+"; ip -n "+name+" link add eth0 type veth peer name peer")
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() })
	}
	add()
	of := func(ifName string) sandbox.Sandbox {
		s, err := sandbox.Of(path, ifName)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := of("missing"); s.Index != 0 || s.IsGone() {
		t.Errorf("without interface: %+v", s)
	}
	s := of("eth0")
	kept, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var read sandbox.Sandbox
	if err := json.Unmarshal(kept, &read); err != nil || read != s {
		t.Errorf("read %+v, %v, want %+v", read, err, s)
	}
	if s.IsGone() || (sandbox.Sandbox{}).IsGone() {
		t.Error("gone, but nothing has changed")
	}
	run(t, "ip -n "+name+" link set eth0 name renamed")
	if s.IsGone() {
		t.Error("gone, but only renamed")
	}
	other := s
	other.Boot = "before"
	if !other.IsGone() {
		t.Error("not gone with the boot")
	}
	elsewhere := s
	elsewhere.Mounts, elsewhere.Netns = 1, "/nowhere"
	if elsewhere.IsGone() {
		t.Error("gone, but of another mount namespace")
	}
	run(t, "ip -n "+name+" link del renamed; ip -n "+name+" link add eth0 type veth peer name peer")
	if !s.IsGone() {
		t.Error("not gone, but another interface has its name")
	}
	s = of("eth0")
	run(t, "ip netns del "+name)
	if !s.IsGone() {
		t.Error("not gone with the path")
	}
	add()
	if !s.IsGone() {
		t.Error("not gone, but another namespace has its path")
	}
	if _, err := sandbox.Of("/nowhere", "eth0"); !ns.IsGone(err) {
		t.Errorf("of nowhere: %v", err)
	}
}

// Addresses of interfaces that are down count as well.
func TestAddresses(t *testing.T) {
	const name = "sandboxaddresses"
	run(t, "ip netns add "+name+"; ip -n "+name+" addr add 203.0.113.77/32 dev lo; ip -n "+name+" addr add 2001:db8:77::1/128 dev lo")
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() })
	for _, want := range []bool{true, false} {
		all, err := sandbox.Addresses()
		if err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{"203.0.113.77", "2001:db8:77::1"} {
			if all[netip.MustParseAddr(address)] != want {
				t.Errorf("%s: %v, want %v", address, !want, want)
			}
		}
		if want {
			run(t, "ip netns del "+name)
		}
	}
}

func BenchmarkOf(b *testing.B) {
	for b.Loop() {
		if _, err := sandbox.Of("/proc/self/ns/net", "lo"); err != nil {
			b.Fatal(err)
		}
	}
}
