package record

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/unpolled"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// kernelDirectory has a file for each thing that the kernel can do or lacks, with the boot
// in which that has shown.
const kernelDirectory = "/run/cni/kernel"

// ability is what such a file says.
type ability struct {
	Boot string `json:"boot"`
	// Lacks says what is missing, "" if nothing is, and Modules which drivers there were
	// then.
	Lacks   string `json:"lacks,omitempty"`
	Modules string `json:"modules,omitempty"`
}

// lacking is an error from before.
type lacking string

func (l lacking) Error() string { return string(l) }

// Able tries whether the kernel can do what the name stands for, and returns why not. That
// is noted, and not tried again until the next boot, as runtimes ask every few seconds. What
// the kernel lacks (unix.EOPNOTSUPP, and unix.ENOENT for what traffic control consists of)
// is tried again when a driver has been loaded or installed. Other errors say nothing about
// the kernel. Where nothing can be noted, it is tried each time.
func Able(name string, try func() error) error {
	boot, err := sysctl.BootID()
	if err != nil {
		return try()
	}
	path := filepath.Join(kernelDirectory, name)
	var noted ability
	if found, err := Read(path, &noted); err == nil && found && noted.Boot == boot {
		if noted.Lacks == "" {
			return nil
		}
		if noted.Modules == modules() {
			return lacking(noted.Lacks)
		}
	}
	now := ability{Boot: boot}
	err = try()
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOENT):
		now.Lacks, now.Modules = err.Error(), modules()
	case err != nil:
		return err
	}
	_ = Save(path, now)
	return err
}

// modules stands for the drivers that are loaded and those that could be: depmod(8) writes
// modules.dep when some are installed. Of a kernel that takes none nothing changes.
func modules() string {
	var key strings.Builder
	loaded, _ := unpolled.ReadFile("/proc/modules")
	for line := range strings.Lines(string(loaded)) {
		name, _, _ := strings.Cut(line, " ")
		key.WriteString(name + " ")
	}
	release, _ := sysctl.Sysctl("kernel/osrelease")
	if info, err := os.Stat(filepath.Join("/lib/modules", release, "modules.dep")); err == nil {
		key.WriteString(info.ModTime().String())
	}
	return owner.Name(16, "", key.String())
}
