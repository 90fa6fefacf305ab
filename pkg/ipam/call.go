package ipam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// termination is how long a plugin gets to undo what it did when we are told to
// terminate, before it is killed.
const termination = 5 * time.Second

// Call is a verb of an IPAM plugin under way. A plugin reads all of its
// configuration before it does anything; Start withholds it, so that the
// process, whose start takes longer than its work, starts beside what its
// caller does first.
type Call struct {
	delegate *Delegate
	command  string
	process  *process // nil for a sibling, and after the end
	begun    bool     // it has its configuration
	err      error    // of the start
}

// Start starts the process for a verb. One of Result, Wait and Abandon must
// follow; Abandon may also follow one of the others, for use with defer. The nil
// Delegate starts the nil Call, which does nothing.
func (d *Delegate) Start(command string) *Call {
	if d == nil {
		return nil
	}
	c := &Call{delegate: d, command: command}
	if d.sibling == nil {
		c.process, c.err = startProcess(d.path, d.environ(command))
	}
	return c
}

// Begin hands the configuration over, so that the plugin does its work while the
// caller goes on. A sibling does it when it is waited for.
func (c *Call) Begin() {
	if c != nil && c.process != nil && !c.begun {
		c.process.send(c.delegate.args.StdinData)
		c.begun = true
	}
}

// Abandon ends a plugin whose work is of no use any longer. An ADD that has begun
// may have an address that nobody will hear of, which its DEL gives back.
func (c *Call) Abandon() {
	switch {
	case c == nil || c.process == nil:
		return
	case !c.begun:
		c.process.discard()
		c.process = nil
		return
	}
	c.process.terminate(termination)
	if _, err := c.finish(context.Background()); c.command != "ADD" || err != nil && !mayHoldAddress(err) {
		return
	}
	if err := c.delegate.Del(); err != nil {
		fmt.Fprintf(os.Stderr, "give addresses back by %s: %v\n", c.delegate.path, err)
	}
}

// Wait lets the plugin do its work and returns its error. It goes on when the
// process is told to terminate: what is to be undone must be.
func (c *Call) Wait() error {
	if c == nil {
		return nil
	}
	_, err := c.finish(context.Background())
	return err
}

// Result lets the plugin do the work of an ADD and returns what it printed.
// When it seems to have succeeded, but what it printed cannot be used, or when
// it was killed, its DEL runs too: it may hold an address that nobody would
// release. The end of ctx asks the plugin to terminate.
func (c *Call) Result(ctx context.Context) (*current.Result, error) {
	if c == nil {
		return &current.Result{}, nil
	}
	out, err := c.finish(ctx)
	if err == nil {
		var result *current.Result
		if result, err = parseResult(c.delegate.args.StdinData, out); err == nil {
			return result, nil
		}
	} else if !mayHoldAddress(err) {
		return nil, err
	}
	return nil, plugin.Join(err, c.delegate.Del())
}

// finish hands the configuration over and waits for the end. What the plugin
// says on standard error is passed on.
func (c *Call) finish(ctx context.Context) ([]byte, error) {
	if c.delegate.sibling != nil {
		return c.delegate.sibling.Run(c.command, c.delegate.args)
	}
	if c.err != nil {
		code := types.ErrPluginNotAvailable
		if errors.Is(c.err, syscall.ETXTBSY) {
			code = types.ErrTryAgainLater // it is being replaced at this moment
		}
		return nil, plugin.Errorf(code, "run IPAM plugin %s: %w", c.delegate.path, c.err)
	}
	c.Begin()
	p := c.process
	c.process = nil
	stop := context.AfterFunc(ctx, func() { p.terminate(termination) })
	stdout, stderr, err := p.receive()
	stop()
	os.Stderr.Write(stderr)
	if err != nil {
		return nil, failure(err, stdout, stderr)
	}
	return stdout, ctx.Err()
}

// failure is the error object that the plugin printed, or says why there is
// none. A result is none: who printed one may have been killed before its end. The
// texts of the latter are those of the CNI library.
func failure(err error, stdout, stderr []byte) error {
	var printed types.Error
	switch {
	case len(stdout) > 0 && json.Unmarshal(stdout, &printed) == nil && printed != types.Error{}:
		return &printed
	case len(stdout) > 0:
		return fmt.Errorf("netplugin failed but error parsing its diagnostic message %q: %w", stdout, err)
	case len(stderr) > 0:
		return fmt.Errorf("netplugin failed: %q: %w", stderr, err)
	default:
		return fmt.Errorf("netplugin failed with no error message: %w", err)
	}
}

// mayHoldAddress reports whether the plugin had no chance to tell or to undo
// what it did: it was killed, or it succeeded when nobody waited any longer.
func mayHoldAddress(err error) bool {
	var exit exitError
	return errors.As(err, &exit) && exit.Signaled() || errors.Is(err, context.Canceled)
}

// parseResult reads a result in the version that it names itself or, as some
// plugins leave that out, in the version of the configuration.
func parseResult(config, result []byte) (*current.Result, error) {
	var named struct {
		CNIVersion string `json:"cniVersion"`
	}
	if err := json.Unmarshal(result, &named); err != nil {
		return nil, plugin.Errorf(types.ErrDecodingFailure, "failed to unmarshal raw result: %w", err)
	}
	if named.CNIVersion == "" {
		conf, err := plugin.Network(config)
		if err != nil {
			return nil, err
		}
		named.CNIVersion = conf.CNIVersion
	}
	parsed, err := plugin.ReadResult(named.CNIVersion, result)
	if err == nil {
		err = plugin.CheckRoutes(parsed.Routes)
	}
	if err != nil {
		return nil, plugin.Errorf(types.ErrDecodingFailure, "read result of IPAM plugin: %w", err)
	}
	return parsed, nil
}
