package dhcp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/plugin/flagset"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/config"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/daemon"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/rpc"
)

// leases is the command `dhcp leases`: it prints what the daemon has.
func leases(args []string) error {
	flags := flag.NewFlagSet("leases", flag.ContinueOnError)
	path := flags.String("socketpath", config.DefaultSocket, "ask the daemon that listens at this `path`")
	asJSON := flags.Bool("json", false, "print a list in JSON")
	err := flagset.Parse(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	}
	client, err := rpc.Dial(context.Background(), *path)
	if err != nil {
		return err
	}
	defer client.Close()
	var list daemon.List
	if err := client.Call(context.Background(), rpc.Leases, new(plugin.CmdArgs), &list); err != nil {
		return err
	}
	if *asJSON {
		_, err := fmt.Printf("%s\n", list.JSON)
		return err
	}
	var entries []daemon.Entry
	if err := json.Unmarshal(list.JSON, &entries); err != nil {
		return err
	}
	return printTable(os.Stdout, entries, time.Now())
}

func printTable(w io.Writer, entries []daemon.Entry, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "CONTAINER\tNETWORK\tINTERFACE\tADDRESS\tGATEWAY\tSERVER\tSTATE\tRENEW\tEXPIRY")
	for _, e := range entries {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.ContainerID, e.Network, e.IfName,
			cmp.Or(e.Address, "-"), cmp.Or(e.Gateway, "-"), cmp.Or(e.Server, "-"), e.State, in(e.Renew, now), in(e.Expiry, now))
	}
	return table.Flush()
}

// in tells how long it is until a time.
func in(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Sub(now).Round(time.Second).String()
}
