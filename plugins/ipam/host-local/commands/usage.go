package commands

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"text/tabwriter"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/plugin/flagset"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/disk"
)

// Pool is how full a range set of a network is, in addresses, or how many addresses the
// network has given out that are in none of its range sets.
type Pool struct {
	Network string `json:"network"`
	DataDir string `json:"dataDir"`
	// Set is the number of the range set, and Ranges has its ranges. Without them,
	// there is no Size and nothing is Free.
	Set    *int     `json:"set,omitempty"`
	Ranges string   `json:"ranges,omitempty"`
	Size   *big.Int `json:"size,omitempty"` // without gateways
	Free   *big.Int `json:"free,omitempty"`
	Used   int64    `json:"used"`
	// Reserved are those from before the boot: their containers get them back, or
	// others when nothing is free.
	Reserved int64 `json:"reserved"`
}

// usage is the command `host-local usage`: it prints how full range sets are.
func usage(args []string) error {
	var from source
	flags := from.flags("usage")
	asJSON := flags.Bool("json", false, "print a list in JSON")
	asMetrics := flags.Bool("prometheus", false, "print metrics in the text format of Prometheus")
	switch err := flagset.Parse(flags, args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case *asJSON && *asMetrics:
		return fmt.Errorf("%w: -json and -prometheus exclude each other", plugin.ErrUsage)
	}
	networks, err := from.networks(os.Stderr)
	if err != nil {
		return err
	}
	pools, failed := poolsOf(networks)
	switch {
	case *asJSON:
		err = json.NewEncoder(os.Stdout).Encode(pools)
	case *asMetrics:
		err = printMetrics(os.Stdout, pools)
	default:
		err = printPools(os.Stdout, pools)
	}
	return errors.Join(failed, err)
}

// Pools returns how full the range sets are of the networks that the configuration in a
// directory has, those that can be read.
func Pools(confDir string) ([]Pool, error) {
	networks, err := source{conf: confDir}.networks(io.Discard)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	pools, failed := poolsOf(networks)
	return pools, errors.Join(err, failed)
}

// poolsOf goes on after an error. Without pools the list is empty, not nil, as JSON needs it.
func poolsOf(networks []network) ([]Pool, error) {
	pools := []Pool{}
	err := eachNetwork(networks, func(n network, leases []disk.Lease) {
		pools = append(pools, n.pools(leases)...)
	})
	return pools, err
}

// pools counts the leases of a network by range set. Last comes, if there is anything in
// it or no range set is known, the pool of what is in none.
func (n network) pools(leases []disk.Lease) []Pool {
	all := make([]Pool, len(n.ranges)+1)
	for i := range all {
		all[i] = Pool{Network: n.name, DataDir: n.dataDir}
	}
	for _, l := range leases {
		i := 0
		for i < len(n.ranges) && !n.ranges[i].GivesOut(l.Address) {
			i++
		}
		if l.Inherited {
			all[i].Reserved++
		} else {
			all[i].Used++
		}
	}
	for i := range n.ranges {
		p := &all[i]
		p.Set, p.Ranges, p.Size = &i, n.ranges[i].String(), n.ranges[i].Size()
		p.Free = new(big.Int).Sub(p.Size, big.NewInt(p.Used+p.Reserved))
	}
	if last := all[len(n.ranges)]; len(n.ranges) > 0 && last.Used+last.Reserved == 0 {
		return all[:len(n.ranges)]
	}
	return all
}

func printPools(w io.Writer, pools []Pool) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "NETWORK\tSET\tSIZE\tUSED\tFREE\tRESERVED\tRANGES")
	for _, p := range pools {
		set, size, free := "-", "-", "-"
		if p.Set != nil {
			set, size, free = fmt.Sprint(*p.Set), p.Size.String(), p.Free.String()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%d\t%s\n", p.Network, set, size, p.Used, free, p.Reserved, cmp.Or(p.Ranges, "-"))
	}
	return table.Flush()
}
