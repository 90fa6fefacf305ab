// Package chained is the pipeline of the plugins that adjust what the plugins
// before them in a chain made, and pass their result on: what their verbs have
// in common exists here once. A plugin adds a Driver.
package chained

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/pkg/check/verdict"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Driver is the network configuration of one plugin and what it does with it.
// It is made empty and filled from JSON.
type Driver interface {
	// Validate checks and completes the configuration, without a look at the
	// kernel. Its errors say which key is wrong.
	Validate() error
	// Add makes what the attachment needs, and registers with a.Undo what takes
	// it back. The result may be changed.
	Add(a *Attachment) error
	// Check returns one error for all that Add made and that is not there. It
	// changes nothing.
	Check(a *Attachment) error
	// Remove removes what Add made, as far as it is there. It must not rely on
	// a.Result, which may be nil, nor on a valid configuration.
	Remove(a *Attachment) error
	// Collect removes what attachments of the network left, unless they are
	// among the valid ones.
	Collect(network string, valid []owner.Attachment) error
	// Available returns what Add would miss on this node.
	Available() error
}

// Attachment is the interface that a verb is about.
type Attachment struct {
	owner.Attachment
	Args *plugin.CmdArgs
	// Result is the prevResult; nil in DEL if there is none that can be read.
	Result *current.Result
	// Undo registers what takes a change back. In ADD only.
	Undo func(func() error)
	// Context ends when the process is told to terminate. In ADD only.
	Context context.Context
}

// IPs returns the addresses of the result that are, or may be, the interface's: all
// but those of an interface with another name.
func (a *Attachment) IPs() []*current.IPConfig {
	var own []*current.IPConfig
	for _, ip := range a.Result.IPs {
		i := ip.Interface
		if i == nil || *i < 0 || *i >= len(a.Result.Interfaces) || a.Result.Interfaces[*i].Name == a.IfName {
			own = append(own, ip)
		}
	}
	return own
}

// Kind describes a plugin.
type Kind struct {
	Name string
	// Versions of the specification that it supports. Default: all.
	Versions version.PluginInfo
	// NewDriver makes an empty configuration.
	NewDriver func() Driver
	// Unchained is the error of an ADD without prevResult, and Unchecked
	// that of a CHECK. Default: "required prevResult missing".
	Unchained, Unchecked string
}

// Plugin returns the plugin.
func (k Kind) Plugin() plugin.Plugin {
	return plugin.Plugin{
		Name:     k.Name,
		Versions: k.Versions,
		Validate: k.validate,
		CNIFuncs: plugin.CNIFuncs{Add: k.add, Check: k.check, Del: k.del, GC: k.gc, Status: k.status},
	}
}

func (k Kind) add(args *plugin.CmdArgs) error {
	d, err := k.load(args.StdinData)
	if err != nil {
		return err
	}
	plugin.NameSlips(os.Stderr, args.StdinData, d)
	result, err := prevResult(args.StdinData, k.Unchained)
	if err != nil {
		return err
	}
	return plugin.Add(args, func(tx *plugin.Attachment) (*current.Result, error) {
		a := &Attachment{Attachment: tx.Attachment, Args: args, Result: result, Undo: tx.Undo, Context: tx.Context()}
		plugin.Step("apply")
		if err := d.Add(a); err != nil {
			return nil, err
		}
		return a.Result, nil
	})
}

func (k Kind) check(args *plugin.CmdArgs) error {
	d, err := k.load(args.StdinData)
	if err != nil {
		return err
	}
	result, err := prevResult(args.StdinData, k.Unchecked)
	if err != nil {
		return err
	}
	a, err := attachment(args)
	if err != nil {
		return err
	}
	a.Result = result
	plugin.Step("compare")
	return verdict.Of(args.StdinData, d.Check(a))
}

func (k Kind) del(args *plugin.CmdArgs) error {
	a, err := attachment(args)
	if err != nil {
		return err
	}
	if a.Result, err = plugin.PrevResult(args.StdinData); err != nil {
		fmt.Fprintf(os.Stderr, "go on without the result of the ADD: %v\n", err)
	}
	plugin.Step("remove")
	return k.loadForDel(args.StdinData).Remove(a)
}

func (k Kind) gc(args *plugin.CmdArgs) error {
	valid, err := plugin.ValidAttachments(args.StdinData)
	if err != nil || valid == nil {
		return err
	}
	conf, err := plugin.Network(args.StdinData)
	if err != nil {
		return err
	}
	plugin.Step("collect")
	return k.loadForDel(args.StdinData).Collect(conf.Name, valid)
}

// status tells whether an ADD could succeed now (CNI specification 1.1,
// "STATUS"), with code 50 if not.
func (k Kind) status(args *plugin.CmdArgs) error {
	d, err := k.load(args.StdinData)
	if err != nil {
		return err
	}
	plugin.Step("look")
	if err := plugin.Join(ns.MayEnter(), d.Available()); err != nil {
		return plugin.Errorf(types.ErrPluginNotAvailable, "%w", err)
	}
	return nil
}

// load reads and checks a configuration.
func (k Kind) load(stdin []byte) (Driver, error) {
	d := k.NewDriver()
	if err := plugin.Unmarshal(stdin, d); err != nil {
		return nil, plugin.Errorf(types.ErrDecodingFailure, "failed to load netconf: %w", err)
	}
	if err := d.Validate(); err != nil {
		return nil, plugin.Errorf(types.ErrInvalidNetworkConfig, "%w", err)
	}
	return d, nil
}

// validate is the plugin's Validate.
func (k Kind) validate(conf []byte) error {
	_, err := k.load(conf)
	return err
}

// loadForDel reads what it can: DEL must succeed with a configuration that ADD
// would refuse today. Keys of the wrong type are as good as absent.
func (k Kind) loadForDel(stdin []byte) Driver {
	d := k.NewDriver()
	_ = json.Unmarshal(stdin, d)
	_ = d.Validate()
	return d
}

// prevResult returns the result of the plugin before, or an error with the text.
func prevResult(stdin []byte, missing string) (*current.Result, error) {
	result, err := plugin.PrevResult(stdin)
	if err != nil {
		return nil, err
	}
	if result != nil {
		return result, nil
	}
	if missing == "" {
		missing = "required prevResult missing"
	}
	return nil, plugin.Errorf(types.ErrInvalidNetworkConfig, "%s", missing)
}

func attachment(args *plugin.CmdArgs) (*Attachment, error) {
	conf, err := plugin.Network(args.StdinData)
	if err != nil {
		return nil, err
	}
	return &Attachment{
		Attachment: owner.Attachment{Network: conf.Name, ContainerID: args.ContainerID, IfName: args.IfName},
		Args:       args,
	}, nil
}
