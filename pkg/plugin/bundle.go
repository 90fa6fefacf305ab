package plugin

import (
	"os"
	"path/filepath"
)

// Bundle is the Main of several plugins in one executable: it runs the one whose name the
// executable was called by, as through a link, or the one that the first argument names. By
// another name it runs own with the arguments, and exits with the status that this returns.
func Bundle(own func(args []string) int, plugins ...*Plugin) {
	siblings = plugins
	if find(filepath.Base(os.Args[0])) == nil && len(os.Args) > 1 && find(os.Args[1]) != nil {
		os.Args = os.Args[1:]
	}
	if p := find(filepath.Base(os.Args[0])); p != nil {
		Main(*p)
		return
	}
	os.Exit(own(os.Args[1:]))
}
