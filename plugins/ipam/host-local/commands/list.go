package commands

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/containernetworking/plugins/pkg/plugin/flagset"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/disk"
)

// entry is a lease for a person, or a person's script, to read.
type entry struct {
	Network     string    `json:"network"`
	Address     string    `json:"address"`
	ContainerID string    `json:"containerID,omitempty"`
	IfName      string    `json:"ifName,omitempty"`
	Since       time.Time `json:"since,omitzero"`
	BeforeBoot  bool      `json:"beforeBoot"`
}

// list is the command `host-local list`: it prints all leases.
func list(args []string) error {
	var from source
	flags := from.flags("list")
	asJSON := flags.Bool("json", false, "print a list in JSON")
	switch err := flagset.Parse(flags, args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	}
	networks, err := from.networks(os.Stderr)
	if err != nil {
		return err
	}
	entries := []entry{} // [] in JSON, also if there is none
	failed := eachNetwork(networks, func(n network, leases []disk.Lease) {
		for _, l := range leases {
			entries = append(entries, entry{n.name, l.Address.String(), l.ContainerID, l.IfName, l.Since, l.Inherited})
		}
	})
	if *asJSON {
		err = json.NewEncoder(os.Stdout).Encode(entries)
	} else {
		err = printLeases(os.Stdout, entries)
	}
	return errors.Join(failed, err)
}

func printLeases(w io.Writer, entries []entry) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "NETWORK\tADDRESS\tCONTAINER\tINTERFACE\tSINCE\tBOOT")
	for _, e := range entries {
		boot, since := "this", "-"
		if e.BeforeBoot {
			boot = "before"
		}
		if !e.Since.IsZero() {
			since = e.Since.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Network, e.Address, cmp.Or(e.ContainerID, "-"), cmp.Or(e.IfName, "-"), since, boot)
	}
	return table.Flush()
}
