package sysfs

import (
	"os"
	"path/filepath"
	"testing"
)

// files makes files with the given texts, and their directories, below a directory,
// which it returns. A name that ends in a slash is a directory.
func files(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		path := filepath.Join(dir, name)
		if name[len(name)-1] == '/' {
			path = filepath.Join(path, "nothing")
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if text == "" {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestNetDevice(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string
		fails bool
	}{
		"one":               {map[string]string{"net/eth0/": ""}, "eth0", false},
		"none":              {map[string]string{"net/": ""}, "", true},
		"no directory":      {nil, "", true},
		"virtio":            {map[string]string{"virtio3/net/eth0/": ""}, "eth0", false},
		"several":           {map[string]string{"net/b/": "", "net/a/": ""}, "a", false},
		"lowest port":       {map[string]string{"net/a/dev_port": "1\n", "net/b/dev_port": "0\n"}, "b", false},
		"representor":       {map[string]string{"net/a/phys_port_name": "pf0vf0\n", "net/b/phys_port_name": "p0\n"}, "b", false},
		"representors only": {map[string]string{"net/a/phys_port_name": "pf0vf1\n"}, "a", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parent{Path: files(t, test.files)}.NetDevice()
			if got != test.want || (err != nil) != test.fails {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestNetDeviceAt(t *testing.T) {
	dir := files(t, map[string]string{"net/eth0/": ""})
	if got, err := NetDeviceAt(dir); got != "eth0" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	// This one is not looked for further down.
	if got, err := NetDeviceAt(files(t, map[string]string{"virtio3/net/eth0/": ""})); err == nil {
		t.Errorf("got %q", got)
	}
}

func TestHasUserDriver(t *testing.T) {
	for driver, want := range map[string]bool{"vfio-pci": true, "uio_pci_generic": true, "igb_uio": true, "ixgbe": false, "": false} {
		dir := t.TempDir()
		if driver != "" {
			if err := os.Symlink("../../bus/pci/drivers/"+driver, filepath.Join(dir, "driver")); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := (Parent{Path: dir}).HasUserDriver(); got != want || err != nil {
			t.Errorf("%q: %v, %v", driver, got, err)
		}
	}
}

func TestIsName(t *testing.T) {
	for name, want := range map[string]bool{
		"0000:03:00.1": true, "mlx5_core.sf.4": true,
		"": false, ".": false, "..": false, "a/b": false, "*": false, "a?": false, "[0": false, `\`: false,
	} {
		if got := IsName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
