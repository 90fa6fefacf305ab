// Package hostlocal is the plugin host-local: it gives out addresses of
// configured ranges and keeps them on the host's disk.
package hostlocal

import (
	"context"
	_ "embed" // for help and schema
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/sandbox"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/allocator"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/disk"
)

// Plugin is host-local as a library.
//
//schema:conf allocator.Net
//schema:args IP a requested address. Other keys need IgnoreUnknown=true.
//schema:command list prints which container has which address; -help tells its flags.
//schema:command usage prints how full each network is; -help tells its flags.
var Plugin = plugin.Plugin{
	Name:     "host-local",
	Help:     &help,
	Schema:   &schema,
	Validate: validate,
	CNIFuncs: plugin.CNIFuncs{Add: add, Check: check, Del: del, GC: gc, Status: status},
}

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

func add(args *plugin.CmdArgs) error {
	return plugin.Add(args, func(a *plugin.Attachment) (*current.Result, error) {
		conf, err := load(args)
		if err != nil {
			return nil, err
		}
		plugin.NameSlips(os.Stderr, args.StdinData, new(allocator.Net))
		nameStrayGateways(os.Stderr, conf.Ranges)
		result := &current.Result{CNIVersion: current.ImplementedSpecVersion, Routes: conf.Routes}
		if conf.ResolvConf != "" {
			if result.DNS, err = readResolvConf(conf.ResolvConf); err != nil {
				return nil, err
			}
		}
		result.IPs, err = reserve(a, conf)
		return result, err
	})
}

// reserve reserves an address of each range set, or none.
func reserve(a *plugin.Attachment, conf *allocator.IPAMConfig) ([]*current.IPConfig, error) {
	store, err := disk.New(conf.Name, conf.DataDir)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	plugin.Step("lock")
	if err := store.LockContext(a.Context()); err != nil {
		return nil, err
	}
	plugin.Step("reserve")
	tx, err := store.Begin()
	if err != nil {
		return nil, err
	}
	defer tx.Close()
	ips, err := choose(tx, conf, a.Args)
	if err != nil {
		return nil, err
	}
	if err := tx.Supersede(a.ContainerID, a.IfName); err != nil {
		return nil, err
	}
	if err := prune(tx, conf, a.Args.StdinData); err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	a.Undo(func() error { return revert(conf, tx) })
	return ips, nil
}

// prune plans to free what containers that are gone had of ranges that the network no
// longer has. Ranges that come with a call say nothing about those of others.
func prune(tx *disk.Tx, conf *allocator.IPAMConfig, stdin []byte) error {
	if hasOwnRanges(stdin) {
		return nil
	}
	sets := make([]string, len(conf.Ranges))
	for i := range conf.Ranges {
		sets[i] = conf.Ranges[i].String()
	}
	return tx.Prune(strings.Join(sets, ";"), func(addr netip.Addr) bool {
		return slices.ContainsFunc(conf.Ranges, func(set allocator.RangeSet) bool { return set.Contains(addr.AsSlice()) })
	}, vanished())
}

// vanished tells of an address whether no interface of the node has it. What cannot be
// told, as others' processes or namespaces may not be seen, has not vanished.
func vanished() func(netip.Addr) bool {
	look := sync.OnceValue(func() map[netip.Addr]bool {
		if !sandbox.SeesAll() {
			return nil
		}
		addresses, err := sandbox.Addresses()
		if err != nil {
			return nil
		}
		return addresses
	})
	return func(addr netip.Addr) bool { return look() != nil && !look()[addr.Unmap()] }
}

// choose plans to reserve an address of each range set.
func choose(tx *disk.Tx, conf *allocator.IPAMConfig, args *plugin.CmdArgs) ([]*current.IPConfig, error) {
	var ips []*current.IPConfig
	requested := conf.IPArgs
	for i := range conf.Ranges {
		set := &conf.Ranges[i]
		var ip net.IP
		if at := slices.IndexFunc(requested, set.Contains); at >= 0 {
			ip = requested[at]
			requested = slices.DeleteFunc(requested, ip.Equal)
		}
		config, err := allocator.NewIPAllocator(set, tx, i).Get(args.ContainerID, args.IfName, ip)
		if err != nil {
			return nil, fmt.Errorf("failed to allocate for range %d: %w", i, err)
		}
		ips = append(ips, config)
	}
	if len(requested) > 0 {
		return nil, allRequested(requested)
	}
	return ips, nil
}

// revert takes back what tx has reserved.
func revert(conf *allocator.IPAMConfig, tx *disk.Tx) error {
	store, err := disk.Open(conf.Name, conf.DataDir)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.Lock(); err != nil {
		return err
	}
	return store.Revert(tx)
}

func del(args *plugin.CmdArgs) error {
	held := false
	err := change(args, func(tx *disk.Tx) error {
		held = len(tx.GetByID(args.ContainerID, args.IfName)) > 0
		return tx.ReleaseByID(args.ContainerID, args.IfName)
	})
	if err != nil || held {
		return err
	}
	return delFormer(args)
}

func gc(args *plugin.CmdArgs) error {
	attachments, err := plugin.ValidAttachments(args.StdinData)
	if err != nil || attachments == nil {
		return err
	}
	type holder struct{ id, ifname string }
	valid := make(map[holder]bool, 2*len(attachments))
	for _, a := range attachments {
		valid[holder{a.ContainerID, a.IfName}] = true
		// A lease without interface name is any interface's.
		valid[holder{a.ContainerID, ""}] = true
	}
	return change(args, func(tx *disk.Tx) error {
		return tx.Retain(func(id, ifname string) bool { return valid[holder{id, ifname}] })
	})
}

// change frees addresses of a network. Without a directory there is nothing to
// free, and none is made.
func change(args *plugin.CmdArgs, plan func(*disk.Tx) error) error {
	p, err := loadPlace(args.StdinData)
	if err != nil {
		return err
	}
	return begin(context.Background(), p.Name, p.IPAM.DataDir, func(tx *disk.Tx) error {
		if err := plan(tx); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// begin runs use under the lock, for which it waits until ctx ends. It does not if there is no
// directory.
func begin(ctx context.Context, network, dataDir string, use func(*disk.Tx) error) error {
	store, err := disk.Open(network, dataDir)
	if record.IsMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer store.Close()
	plugin.Step("lock")
	if err := store.LockContext(ctx); err != nil {
		return err
	}
	plugin.Step("use")
	tx, err := store.Begin()
	if err != nil {
		return err
	}
	defer tx.Close()
	return use(tx)
}

func check(args *plugin.CmdArgs) error {
	conf, err := load(args)
	if err != nil {
		return err
	}
	previous, err := plugin.PrevResult(args.StdinData)
	if err != nil {
		return err
	}
	var held []net.IP
	err = begin(context.Background(), conf.Name, conf.DataDir, func(tx *disk.Tx) error {
		held = tx.GetByID(args.ContainerID, args.IfName)
		return tx.Err()
	})
	if err != nil {
		return err
	}
	if len(held) == 0 {
		return fmt.Errorf("host-local: Failed to find address added by container %s", args.ContainerID)
	}
	return compare(conf, previous, held)
}

// compare returns an error for those addresses of a previous result, if there is
// one, that are out of our ranges but not held.
func compare(conf *allocator.IPAMConfig, previous *current.Result, held []net.IP) error {
	if previous == nil {
		return nil
	}
	var errs []error
	for _, config := range previous.IPs {
		ip := config.Address.IP
		ours := slices.ContainsFunc(conf.Ranges, func(set allocator.RangeSet) bool { return set.Contains(ip) })
		if ours && !slices.ContainsFunc(held, ip.Equal) {
			errs = append(errs, fmt.Errorf("address %s of prevResult is not reserved for this interface", ip))
		}
	}
	return plugin.Join(errs...)
}
