package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/containernetworking/plugins/pkg/record"
)

// remove removes what is as it was installed, configurations first: without them no
// runtime calls the plugins.
func (o options) remove() error {
	known, err := readManifest(o.binDir)
	if err != nil {
		return err
	}
	if len(known) == 0 {
		fmt.Println("nothing is installed in", o.binDir)
	}
	for _, name := range known.names() {
		if err := known.remove(resolve(o.binDir, name)); err != nil {
			return err
		}
	}
	// An install that was killed may have left these.
	for _, name := range slices.Concat(known.names(), o.names) {
		if err := record.Remove(temporary(resolve(o.binDir, name))); err != nil {
			return err
		}
	}
	return record.Remove(manifestPath(o.binDir))
}

// remove removes a file, unless somebody has put something else there.
func (m manifest) remove(path string) error {
	ours, err := m.describes(path)
	if err != nil {
		return err
	}
	if !ours {
		fmt.Println("left alone, as it is not what was installed:", path)
		return nil
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		fmt.Println("removed", path)
	}
	return err
}
