package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/owner"
)

// Attachment is the interface that an ADD in progress makes, together with the
// way back.
type Attachment struct {
	owner.Attachment
	Args *CmdArgs

	ctx   context.Context
	undos []func() error
}

// Context ends when the process is told to terminate. Whatever waits, waits for
// it as well.
func (a *Attachment) Context() context.Context { return a.ctx }

// Undo registers what takes back the change that was just made, or that is just
// being tried and may be half done when it fails.
func (a *Attachment) Undo(undo func() error) { a.undos = append(a.undos, undo) }

// Add runs an ADD so that it either prints its result or leaves nothing behind:
// if add fails or panics, if the result cannot be converted to the version of
// the configuration or be printed, and if Main's process is told to terminate
// meanwhile, the registered undos run, the last one first.
func Add(args *CmdArgs, add func(*Attachment) (*current.Result, error)) error {
	ctx, over := interruptible()
	defer over()
	network, err := Network(args.StdinData)
	if err != nil {
		return err
	}
	a := &Attachment{
		Attachment: owner.Attachment{Network: network.Name, ContainerID: args.ContainerID, IfName: args.IfName},
		Args:       args,
		ctx:        ctx,
	}
	err = Guard(func() error { return a.run(add, network.CNIVersion) })
	if err != nil {
		a.undo()
	}
	return err
}

// run calls add and prints its result.
func (a *Attachment) run(add func(*Attachment) (*current.Result, error), version string) error {
	result, err := add(a)
	if err != nil {
		return err
	}
	if a.ctx.Err() != nil {
		return Errorf(types.ErrInternal, "terminated by a signal")
	}
	logResult(result)
	converted, err := result.GetAsVersion(version)
	if err != nil {
		return err
	}
	Step("print")
	if err := converted.Print(); err != nil {
		return Errorf(types.ErrIOFailure, "print result: %w", err)
	}
	return nil
}

// undo takes back all changes. What cannot be taken back is told on standard
// error: the runtime needs to know why the ADD failed, not this.
func (a *Attachment) undo() {
	Step("undo")
	for _, undo := range slices.Backward(a.undos) {
		if err := undo(); err != nil {
			fmt.Fprintf(os.Stderr, "undo ADD of %s for container %s: %v\n", a.IfName, a.ContainerID, err)
		}
	}
}

// NetConf is what all verbs need of the network configuration.
type NetConf struct {
	Name       string `json:"name"`
	CNIVersion string `json:"cniVersion"`
}

// Network reads the name and version of a network configuration. Other keys may
// have any type and value: DEL must work with what ADD would refuse.
func Network(stdin []byte) (NetConf, error) {
	var conf NetConf
	if err := json.Unmarshal(stdin, &conf); err != nil {
		return conf, Errorf(types.ErrDecodingFailure, "failed to load netconf: %w", err)
	}
	return conf, nil
}
