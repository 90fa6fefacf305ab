// Package runstate keeps what was made for an attachment in small files, each of
// which is there as a whole or not at all: for the DEL that follows, and for a
// repair after somebody flushed the rules.
package runstate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Write makes a file of a value in JSON, for root alone. If the file exists, a
// new one takes its place by way of the path spare, which nobody else may use
// meanwhile, and which whoever is killed may leave behind. As records do not
// outlive the machine they are not synced.
func Write(path, spare string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Dir(path), unix.O_TMPFILE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(text); err != nil {
		return err
	}
	err = name(file, path)
	if errors.Is(err, fs.ErrExist) {
		err = errors.Join(Remove(spare), name(file, spare))
		if err == nil {
			err = os.Rename(spare, path)
		}
	}
	return err
}

// name gives a name to a file that has none.
func name(file *os.File, path string) error {
	self := fmt.Sprintf("/proc/self/fd/%d", file.Fd())
	if err := unix.Linkat(unix.AT_FDCWD, self, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Read reads a file of JSON and reports whether there is one that makes sense.
func Read(path string, into any) (bool, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return json.Unmarshal(text, into) == nil, nil
}

// Names returns the names of the files in a directory, the oldest first. There are
// none if it does not exist.
func Names(directory string) ([]string, error) {
	entries, err := os.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	written := map[string]time.Time{}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		names, written[e.Name()] = append(names, e.Name()), info.ModTime()
	}
	slices.SortStableFunc(names, func(a, b string) int { return written[a].Compare(written[b]) })
	return names, nil
}

// Remove removes a file if there is one.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
