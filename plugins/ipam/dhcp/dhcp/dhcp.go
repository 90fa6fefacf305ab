// Package dhcp is the plugin dhcp: it has a daemon get addresses from a DHCP
// server and keep them.
package dhcp

import (
	"context"
	_ "embed" // for help and schema
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/config"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/daemon"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/rpc"
)

// Plugin is dhcp as a library.
//
//schema:conf config.Conf
//schema:args ANY what a fromArg of ipam.provide names is sent to the server.
//schema:command daemon is the daemon that gets and renews leases; -help tells its flags.
//schema:command leases prints the leases that the daemon has; -help tells its flags.
var Plugin = plugin.Plugin{
	Name:     "dhcp",
	Help:     &help,
	Schema:   &schema,
	Validate: validate,
	CNIFuncs: plugin.CNIFuncs{Add: add, Check: check, Del: release, GC: gc, Status: status},
	Commands: map[string]func([]string) error{"daemon": daemon.Run, "leases": leases},
	Holdings: holdings,
}

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

func add(args *plugin.CmdArgs) error {
	return plugin.Add(args, func(a *plugin.Attachment) (*current.Result, error) {
		conf, err := config.Parse(args.StdinData)
		if err != nil {
			return nil, err
		}
		plugin.NameSlips(os.Stderr, args.StdinData, conf)
		// The daemon may have got a lease also if we do not hear of it.
		a.Undo(func() error { return release(args) })
		result := new(current.Result)
		if err := call(a.Context(), rpc.Allocate, args, result); err != nil {
			return nil, err
		}
		result.CNIVersion = current.ImplementedSpecVersion
		return result, nil
	})
}

func release(args *plugin.CmdArgs) error {
	return call(context.Background(), rpc.Release, args, nil)
}

// check has the daemon look. An earlier one can only be asked for the lease,
// which it gets if it has none.
func check(args *plugin.CmdArgs) error {
	if _, err := config.Parse(args.StdinData); err != nil {
		return err
	}
	err := call(context.Background(), rpc.Check, args, nil)
	if rpc.IsUnknownMethod(err) {
		err = call(context.Background(), rpc.Allocate, args, new(current.Result))
	}
	return err
}

// gc has the daemon release what is not valid. An earlier one cannot, and without a
// daemon nobody keeps a lease.
func gc(args *plugin.CmdArgs) error {
	valid, err := plugin.ValidAttachments(args.StdinData)
	if err != nil || valid == nil {
		return err
	}
	err = call(context.Background(), rpc.Collect, args, nil)
	if rpc.IsUnknownMethod(err) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) {
		return nil
	}
	return err
}

// status tells whether the daemon listens.
func status(args *plugin.CmdArgs) error {
	conf, err := config.Parse(args.StdinData)
	if err == nil {
		var client *rpc.Client
		if client, err = rpc.Dial(context.Background(), conf.IPAM.Socket()); err == nil {
			client.Close()
		}
	}
	if err != nil {
		return plugin.Errorf(types.ErrPluginNotAvailable, "%w", err)
	}
	return nil
}

// call calls the daemon.
func call(ctx context.Context, method string, args *plugin.CmdArgs, into any) error {
	path, err := config.SocketPath(args.StdinData)
	if err != nil {
		return err
	}
	client, err := rpc.Dial(ctx, path)
	if err != nil {
		return err
	}
	defer client.Close()
	passed := *args
	if passed.Netns != "" {
		// The daemon has another working directory.
		if passed.Netns, err = filepath.Abs(passed.Netns); err != nil {
			return fmt.Errorf("failed to make %q an absolute path: %w", args.Netns, err)
		}
	}
	if err := client.Call(ctx, method, &passed, into); err != nil {
		return failure(method, err)
	}
	return nil
}

// failure makes an error of a call fit for the runtime: its details stay beside
// the message.
func failure(method string, err error) error {
	message := fmt.Errorf("error calling %s: %w", method, err)
	var answered *rpc.Error
	if !errors.As(err, &answered) {
		return message
	}
	code := answered.Code
	if code == 0 {
		code = types.ErrInternal
	}
	return &detailed{message, types.NewError(code, message.Error(), answered.Details)}
}

// detailed is an error whose details are not in its text.
type detailed struct {
	error
	printed *types.Error
}

func (e *detailed) Unwrap() []error { return []error{e.error, e.printed} }

// validate is the plugin's Validate.
func validate(stdin []byte) error {
	_, err := config.Parse(stdin)
	return err
}
