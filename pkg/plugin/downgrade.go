package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Downgraded prints, in one line, what a command downgrade has done, which gives the state
// of a node's attachments the form of upstream's plugins.
func Downgraded(rewritten, removed int) {
	fmt.Printf("attachments as containernetworking/plugins has them: %d; of containers that are gone, and removed: %d\n", rewritten, removed)
}

// Forget is the command downgrade of plugins whose state has that form but for records,
// which are the files that match a pattern.
func Forget(pattern string, args []string) error {
	if err := NoArguments(args); err != nil {
		return err
	}
	records, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, path := range records {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	Downgraded(len(records), 0)
	return nil
}
