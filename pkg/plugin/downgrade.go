package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Downgrade is what a command downgrade has done, which gives the state of a node's
// attachments the form of upstream's plugins.
type Downgrade struct {
	// Rewritten are the attachments that have that form, and Removed those of containers that
	// are gone.
	Rewritten int `json:"rewritten"`
	Removed   int `json:"removed"`
}

func (d Downgrade) String() string {
	return fmt.Sprintf("attachments as containernetworking/plugins has them: %d; of containers that are gone, and removed: %d", d.Rewritten, d.Removed)
}

// TellDowngraded tells a person in one line what a command has done. Who calls the commands of
// several plugins for a program replaces it.
var TellDowngraded = func(d Downgrade) { fmt.Println(d) }

// Downgraded tells what a command downgrade has done.
func Downgraded(rewritten, removed int) { TellDowngraded(Downgrade{rewritten, removed}) }

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
