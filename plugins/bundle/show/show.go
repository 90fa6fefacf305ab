// Package show tells what containers have on the node: from what the runtime knows, from the
// records of the plugins, and from the kernel. It knows no plugin; each tells its part.
package show

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/bundle/cli"
	"github.com/containernetworking/plugins/plugins/bundle/libcni"
)

// Command is the command `show`.
func Command(plugins []*plugin.Plugin) cli.Command {
	var asJSON bool
	var cacheDir string
	var netns libcni.Directories
	return cli.Command{
		Name: "show", Arguments: "[CONTAINER | NETWORK]...",
		Summary: "tell what containers have on this node, whose it is, and what nobody owns any longer",
		Details: "CONTAINER is an ID or the beginning of one. An attachment, which is one interface of a container in a\n" +
			"network, is alive; or gone, with its namespace, so that gc would remove what it has left, or with\n" +
			"its interface alone, for which the container has to be made anew; or unowned, if neither the runtime nor\n" +
			"a record tells of it. What the runtime does not know, gc removes with --idle.",
		Flags: func(f *flag.FlagSet) {
			f.BoolVar(&asJSON, "json", false, "print a list in JSON")
			f.StringVar(&cacheDir, "cache-dir", "/var/lib/cni", "the `directory` with what the runtime knows of attachments, in results")
			f.Var(&netns, "netns", "a `directory` with the namespaces of containers, if it is not where the runtime says; may be repeated")
		},
		Run: func(words []string) error {
			all, failed := Look(plugins, cacheDir, netns)
			all, err := choose(all, words)
			if err != nil {
				return errors.Join(failed, err)
			}
			if asJSON {
				return errors.Join(failed, json.NewEncoder(os.Stdout).Encode(all))
			}
			return errors.Join(failed, printTable(os.Stdout, all))
		},
		Candidates: func() []string { return candidates(cacheDir) },
	}
}

// choose returns the attachments that the words name, all if there are none: never nil.
func choose(all []*Attachment, words []string) ([]*Attachment, error) {
	chosen := []*Attachment{}
	for _, a := range all {
		if len(words) == 0 || slices.ContainsFunc(words, a.Is) {
			chosen = append(chosen, a)
		}
	}
	for _, word := range words {
		if !slices.ContainsFunc(chosen, func(a *Attachment) bool { return a.Is(word) }) {
			return nil, fmt.Errorf("no container or network %q has anything here", word)
		}
	}
	return chosen, nil
}

// printTable prints a line for each holding. Who it belongs to is in the first one.
func printTable(w io.Writer, all []*Attachment) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no container has anything here")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	row := func(colour cli.Colour, state string, rest ...any) {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", append([]any{cli.Paint(colour, state)}, rest...)...)
	}
	row(cli.Plain, "STATE", "NETWORK", "CONTAINER", "INTERFACE", "HAS", "")
	for _, a := range all {
		holdings := a.Holdings
		if len(holdings) == 0 {
			holdings = []Holding{{"-", ""}}
		}
		for i, h := range holdings {
			if i == 0 {
				row(colours[a.State], string(a.State), cmp.Or(a.Network, "-"), short(a), cmp.Or(a.IfName, "-"), h.Kind, h.What)
			} else {
				row(cli.Plain, "", "", "", "", h.Kind, h.What)
			}
		}
	}
	return table.Flush()
}

var colours = map[State]cli.Colour{Alive: cli.Green, Gone: cli.Yellow, Unowned: cli.Red}

// idLen is as much of an ID as other tools show of those that are 64 digits long.
const idLen = 12

func short(a *Attachment) string {
	switch {
	case len(a.ContainerID) == 64:
		return a.ContainerID[:idLen]
	case a.ContainerID == "" && a.Prefix != "":
		return "(" + a.Prefix + ")"
	}
	return cmp.Or(a.ContainerID, "-")
}

// candidates are the networks and containers that the runtime knows.
func candidates(cacheDir string) []string {
	cached, _ := libcni.ReadCache(cacheDir)
	var all []string
	for _, a := range cached {
		all = append(all, a.Network, a.ContainerID)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
