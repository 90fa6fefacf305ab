package record

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/containernetworking/plugins/pkg/owner"
)

// Former returns the attachment under the name that its network had at ADD, if a directory
// has a record of the same interface of the same container: the record's name is the
// attachment's prefix with a suffix, and it holds its owner. It returns a itself if there
// is none, or one for the present name.
func Former(directory, suffix string, a owner.Attachment) (owner.Attachment, error) {
	if _, err := os.Lstat(filepath.Join(directory, a.Prefix()+suffix)); err == nil {
		return a, nil
	}
	entries, err := os.ReadDir(directory)
	if IsMissing(err) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	for _, e := range entries {
		if prefix, ok := strings.CutSuffix(e.Name(), suffix); !ok || !a.IsOf(prefix) {
			continue
		}
		var known owner.Attachment
		found, err := Read(filepath.Join(directory, e.Name()), &known)
		if err != nil {
			return a, err
		}
		if found && known.Owns(e.Name()) {
			return known, nil
		}
	}
	return a, nil
}
