package record

import (
	"path/filepath"

	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// kernelDirectory has a file for each thing that the kernel can do, with the boot in
// which that has shown.
const kernelDirectory = "/run/cni/kernel"

// Able tries whether the kernel can do what the name stands for, and returns why not.
// Success is noted, and not tried again until the next boot, as runtimes ask every few
// seconds; failure is not, since a driver may be installed at any time. Where nothing
// can be noted, it is tried each time.
func Able(name string, try func() error) error {
	boot, err := sysctl.Sysctl("kernel/random/boot_id")
	if err != nil {
		return try()
	}
	path := filepath.Join(kernelDirectory, name)
	var noted string
	if found, err := Read(path, &noted); err == nil && found && noted == boot {
		return nil
	}
	if err := try(); err != nil {
		return err
	}
	_ = Save(path, boot)
	return nil
}
