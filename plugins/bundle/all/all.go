// Package all has those commands of the executable with all plugins that ask every one
// of the plugins for something.
package all

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/restored"
	"github.com/containernetworking/plugins/pkg/utils/buildversion"
	"github.com/containernetworking/plugins/plugins/bundle/cli"
)

// List is the command that lists the plugins.
func List(plugins []*plugin.Plugin) cli.Command {
	var asJSON bool
	return cli.Command{
		Name:    "list",
		Summary: "list the plugins in this executable, with the commands that they have",
		Flags:   func(f *flag.FlagSet) { f.BoolVar(&asJSON, "json", false, "print a list in JSON") },
		Run: func([]string) error {
			type entry struct {
				Name     string   `json:"name"`
				Versions []string `json:"cniVersions"`
				Commands []string `json:"commands,omitempty"`
			}
			var entries []entry
			for _, p := range plugins {
				entries = append(entries, entry{p.Name, p.Protocol().SupportedVersions(), slices.Sorted(maps.Keys(p.Commands))})
			}
			if asJSON {
				return json.NewEncoder(os.Stdout).Encode(entries)
			}
			table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
			fmt.Fprintln(table, "PLUGIN\tCOMMANDS")
			for _, e := range entries {
				fmt.Fprintf(table, "%s\t%s\n", e.Name, strings.Join(append(e.Commands, "-")[:max(1, len(e.Commands))], " "))
			}
			return table.Flush()
		},
	}
}

// Version is the command that tells which version this is.
func Version(name string) cli.Command {
	return cli.Command{Name: "version", Summary: "tell the version of the plugins", Run: func([]string) error {
		fmt.Printf("%s %s\nCNI protocol versions: %s\nbuilt by %s for %s/%s\n", name, buildversion.BuildVersion,
			strings.Join(version.All.SupportedVersions(), ", "), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return nil
	}}
}

// Repair is the command that has all plugins make again what somebody has flushed. One that
// fails does not keep others from it.
func Repair(plugins []*plugin.Plugin) cli.Command {
	var asJSON bool
	return cli.Command{
		Name:    "repair",
		Summary: "make again the rules of containers that another program has flushed",
		Details: "It goes by the records in /run/cni, and leaves what is there as it is.",
		Flags:   func(f *flag.FlagSet) { f.BoolVar(&asJSON, "json", false, "print the numbers in JSON") },
		Run: func([]string) error {
			var errs []error
			for _, p := range plugins {
				if p.Repair == nil {
					continue
				}
				if err := p.Repair(); err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", p.Name, err))
				}
			}
			switch total := restored.Count(); {
			case asJSON:
				errs = append(errs, json.NewEncoder(os.Stdout).Encode(total))
			case len(errs) == 0 || total != (restored.Total{}):
				fmt.Println(total)
			}
			return errors.Join(errs...)
		},
	}
}
