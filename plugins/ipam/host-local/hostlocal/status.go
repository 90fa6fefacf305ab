package hostlocal

import (
	"context"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/allocator"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/disk"
)

// status reports whether an ADD can work. It changes nothing: runtimes ask every
// few seconds.
func status(args *plugin.CmdArgs) error {
	where, err := loadPlace(args.StdinData)
	if err == nil {
		err = record.Writable(disk.Path(where.Name, where.IPAM.DataDir))
	}
	if err != nil {
		return unavailable(err)
	}
	if awaitsRanges(args.StdinData) {
		return nil
	}
	conf, err := load(args)
	if err != nil {
		return unavailable(err)
	}
	if !conf.StatusExhausted {
		return nil
	}
	err = begin(context.Background(), conf.Name, conf.DataDir, func(tx *disk.Tx) error { return exhausted(tx, conf) })
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// exhausted returns an error if a range set has no address left for another
// container. Nothing of what it plans is committed.
func exhausted(tx *disk.Tx, conf *allocator.IPAMConfig) error {
	for i := range conf.Ranges {
		if _, err := allocator.NewIPAllocator(&conf.Ranges[i], tx, i).Get("", "", nil); err != nil {
			return err
		}
	}
	return nil
}
