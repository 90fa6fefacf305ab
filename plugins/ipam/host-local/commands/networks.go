package commands

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/allocator"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/disk"
)

// defaultConfDir is where runtimes look for network configurations.
const defaultConfDir = "/etc/cni/net.d"

// network is one that a command tells of.
type network struct {
	name, dataDir string
	// ranges are those of the configuration; none if that is not known.
	ranges []allocator.RangeSet
}

// source says which networks a command tells of: those of configurations and those that
// have a directory in one for data. Named alone, one of both has the other be none.
type source struct{ conf, dataDir string }

func (s *source) flags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.StringVar(&s.conf, "conf", "", "configuration `path`: of a file, or of a directory as runtimes read it; - is standard input (default "+defaultConfDir+")")
	flags.StringVar(&s.dataDir, "data-dir", "", "`directory` with those of networks (default "+disk.Path("", "")+")")
	return flags
}

// networks returns the networks. Configurations that cannot be used are named on warn:
// runtimes go on without them, too.
func (s source) networks(warn io.Writer) ([]network, error) {
	dataDir := s.dataDir
	c := &configurations{warn: warn}
	switch {
	case s.conf != "":
		if err := c.read(s.conf); err != nil {
			return nil, err
		}
	case s.dataDir == "":
		if err := c.read(defaultConfDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		dataDir = disk.Path("", "")
	}
	if dataDir == "" {
		return c.networks, nil
	}
	names, err := disk.Networks(dataDir)
	if errors.Is(err, fs.ErrNotExist) && s.dataDir == "" {
		return c.networks, nil
	}
	for _, name := range names {
		c.add(network{name: name, dataDir: disk.Path("", dataDir)})
	}
	return c.networks, err
}

// add adds a network unless it is there: of two files, runtimes take the first.
func (c *configurations) add(n network) {
	if !slices.ContainsFunc(c.networks, func(o network) bool { return o.name == n.name && o.dataDir == n.dataDir }) {
		c.networks = append(c.networks, n)
	}
}

// eachNetwork calls visit with the leases of each network. It goes on after an error.
func eachNetwork(networks []network, visit func(network, []disk.Lease)) error {
	var errs []error
	for _, n := range networks {
		leases, err := disk.Look(n.name, n.dataDir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("look at network %s: %w", n.name, err))
			continue
		}
		visit(n, leases)
	}
	return errors.Join(errs...)
}
