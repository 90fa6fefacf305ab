package iface

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
)

// A namespace that is there but cannot be entered may still have the interface, so
// that DEL has to come again, whichever IPAM plugin there is.
func TestDelWithoutEntry(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	loop := filepath.Join(dir, "netns")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	for _, ipam := range []string{"dhcp", "static"} {
		if err := os.WriteFile(filepath.Join(dir, ipam), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		err := verbs{"fake", func() Driver { return new(fakeDriver) }}.del(&skel.CmdArgs{
			ContainerID: "c", IfName: "eth0", Netns: loop, Path: dir,
			StdinData: []byte(`{"name": "net", "ipam": {"type": "` + ipam + `"}}`),
		})
		if want := "failed to open netns"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", ipam, err, want)
		}
	}
}
