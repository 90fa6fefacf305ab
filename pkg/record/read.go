package record

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// Read reads a file of JSON and reports whether there is one that makes sense.
func Read(path string, into any) (bool, error) {
	text, err := unpolled.ReadFile(path)
	if IsMissing(err) {
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
	if IsMissing(err) {
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
