// Package validate is the command that tells what is wrong with network configurations, as
// runtimes read them. It changes nothing, and needs no privileges.
package validate

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/schema"
	"github.com/containernetworking/plugins/plugins/bundle/cli"
)

// Where runtimes look unless something else is configured.
const (
	defaultConfDir = "/etc/cni/net.d"
	defaultBinDir  = "/opt/cni/bin"
)

// Finding is one with the file that it is about.
type Finding struct {
	File string `json:"file"`
	schema.Finding
}

// String returns the finding on one line.
func (f Finding) String() string { return f.File + ": " + f.Finding.String() }

// Command is the command `validate`. Its exit status is 0 if nothing is found, 1 if there are
// only warnings, and 2 if there are errors.
func Command(plugins []*plugin.Plugin) cli.Command {
	var asJSON bool
	var binDirs string
	return cli.Command{
		Name: "validate", Arguments: "[FILE | DIRECTORY]...",
		Summary: "tell what is wrong with network configurations, without changing anything",
		Details: "Default: " + defaultConfDir + ". An error is what a plugin refuses, a warning what it takes but nobody is\n" +
			"likely to mean. The exit status is 0 if nothing is found, 1 for warnings alone, and 2 for errors.",
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&binDirs, "bin-dir", cmp.Or(os.Getenv("CNI_PATH"), defaultBinDir), "the `directories` with the plugins, with colons between; if empty, nobody looks whether they are there")
			f.BoolVar(&asJSON, "json", false, "print a list in JSON")
		},
		Run: func(paths []string) error {
			if len(paths) == 0 {
				paths = []string{defaultConfDir}
			}
			os.Exit(tell(Look(paths, plugins, filepath.SplitList(binDirs)), asJSON, os.Stdout))
			return nil
		},
	}
}

// Look returns what is to be told of files and directories, in the order in which runtimes
// read them.
func Look(paths []string, plugins []*plugin.Plugin, binDirs []string) []Finding {
	c := &configurations{plugins: plugins}
	for _, path := range paths {
		c.read(path)
	}
	c.compare()
	c.lookAround(routes(), binDirs)
	slices.SortStableFunc(c.found, func(a, b Finding) int { return slices.Index(c.files, a.File) - slices.Index(c.files, b.File) })
	return c.found
}

// tell prints the findings and returns the exit status.
func tell(found []Finding, asJSON bool, stdout io.Writer) int {
	if asJSON {
		_ = json.NewEncoder(stdout).Encode(append([]Finding{}, found...))
	}
	all := make([]schema.Finding, len(found))
	for i, f := range found {
		all[i] = f.Finding
		if !asJSON {
			fmt.Fprintln(stdout, f)
		}
	}
	return plugin.StatusOf(all)
}
