package echo_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/pkg/ns"
)

func TestEcho(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	for _, program := range []string{"server", "client"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, program), "./"+program)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	target, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	err = target.Do(func(ns.NetNS) error {
		if err := exec.Command("ip", "link", "set", "lo", "up").Run(); err != nil {
			return err
		}
		server := exec.Command(filepath.Join(dir, "server"))
		stdout, err := server.StdoutPipe()
		if err != nil {
			return err
		}
		if err := server.Start(); err != nil {
			return err
		}
		defer func() {
			server.Process.Kill()
			server.Wait()
		}()
		address, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil {
			return err
		}
		address = strings.TrimSuffix(address, "\n")
		if !strings.HasPrefix(address, "127.0.0.1:") {
			t.Errorf("address %q", address)
		}
		for _, protocol := range []string{"tcp", "udp", "udp"} {
			client := exec.Command(filepath.Join(dir, "client"), "-target", address, "-message", "hello "+protocol, "-protocol", protocol)
			if out, err := client.CombinedOutput(); err != nil || string(out) != "hello "+protocol {
				t.Errorf("%s: %q, %v", protocol, out, err)
			}
		}
		long := strings.Repeat("x", 120_000) // which comes in parts
		client := exec.Command(filepath.Join(dir, "client"), "-target", address, "-message", long)
		if out, err := client.CombinedOutput(); err != nil || string(out) != long {
			t.Errorf("%d bytes of %d, %v", len(out), len(long), err)
		}
		client = exec.Command(filepath.Join(dir, "client"), "-target", address, "-protocol", "potato")
		if out, err := client.CombinedOutput(); err == nil {
			t.Errorf("an unknown protocol: %q", out)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
