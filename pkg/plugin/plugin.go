// Package plugin is what the commands of this suite have in common: how they
// are called, how an ADD takes back what it did when it cannot finish, and how
// an error reaches the runtime.
package plugin

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/utils/buildversion"
)

// Plugin is a CNI plugin as a library. Its verbs take what a runtime passes
// (CNI specification, section 2) and print their result to os.Stdout, so that a
// program may call them as well as Main. A verb that is nil does nothing.
type Plugin struct {
	// Name of the command, "ptp".
	Name string
	// Versions of the specification that the plugin supports. Default: all.
	Versions version.PluginInfo
	// Add, Check, Del, GC and Status return an error that has a CNI code if it
	// comes from Errorf, and stands for code 999 (internal) otherwise.
	skel.CNIFuncs
	// Commands are what Main runs, by its first argument, when there is no verb in
	// the environment, as in `portmap repair`: for persons and services, not for
	// runtimes. They get the arguments behind their names, and their errors go to
	// standard error as plain text.
	Commands map[string]func(args []string) error
}

// With returns the plugin with one more command.
func (p Plugin) With(name string, command func(args []string) error) Plugin {
	commands := map[string]func([]string) error{name: command}
	maps.Copy(commands, p.Commands)
	p.Commands = commands
	return p
}

// Main runs the verb that the environment asks for and exits: with status 0, or
// with status 1 and an error in JSON on standard output. Without a verb it runs
// the command that the first argument names.
func Main(p Plugin) {
	if isCommand() {
		os.Exit(p.command(os.Args[1:], os.Stderr))
	}
	if os.Getenv("CNI_COMMAND") == "ADD" {
		catchSignals()
	}
	if p.Versions == nil {
		p.Versions = version.All
	}
	verbs := skel.CNIFuncs{
		Add:    p.verb("ADD", outsideOnly(p.Add)),
		Check:  p.verb("CHECK", p.Check),
		Del:    p.verb("DEL", outsideOnly(p.Del)),
		GC:     p.verb("GC", p.GC),
		Status: p.verb("STATUS", p.Status),
	}
	err := Guard(func() error {
		if err := skel.PluginMainFuncsWithError(verbs, p.Versions, buildversion.BuildString(p.Name)); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		if cniError(err).Print() != nil {
			os.Stderr.WriteString(p.Name + ": " + err.Error() + "\n")
		}
		os.Exit(1)
	}
}

type verb = func(*skel.CmdArgs) error

// verb makes the errors and panics of one verb fit for the runtime.
func (p Plugin) verb(name string, run verb) verb {
	if run == nil {
		run = p.nothing(name)
	}
	return func(args *skel.CmdArgs) error {
		done := logCall(p.Name, name, args)
		err := rejectList(args.StdinData)
		if err == nil {
			err = Guard(func() error { return run(args) })
		}
		done(err)
		if err != nil && name == "STATUS" {
			err = fmt.Errorf("%s: %w", p.Name, err) // libcni does not say whose it is
		}
		if err != nil {
			return cniError(err)
		}
		return nil
	}
}

// rejectList refuses a list of network configurations, which is what is in a file for a
// runtime. Taken for a configuration, it would be one without settings: no address for
// ADD, and none to give back for DEL.
func rejectList(stdin []byte) error {
	var conf struct {
		Plugins json.RawMessage `json:"plugins"`
	}
	if json.Unmarshal(stdin, &conf) != nil || conf.Plugins == nil {
		return nil
	}
	return Errorf(types.ErrInvalidNetworkConfig,
		`the key "plugins" makes this a list of network configurations: a plugin takes one of them, with the list's name and cniVersion`)
}

// nothing is a verb that the plugin leaves out. GC reads its list all the same, so
// that one which is broken is an error of every plugin.
func (p Plugin) nothing(name string) verb {
	return func(args *skel.CmdArgs) error {
		if name != "GC" {
			return nil
		}
		_, err := ValidAttachments(args.StdinData)
		return err
	}
}

// outsideOnly refuses to work on the namespace that the plugin itself runs in
// (CNI specification, section 2), which a runtime names only by mistake: its
// own links would be taken for the container's. skel makes the same test, but
// after the verb has done its work; it is told that there is no need.
func outsideOnly(run verb) verb {
	if run == nil {
		return nil
	}
	return func(args *skel.CmdArgs) error {
		if overridden(args.NetnsOverride) {
			return run(args)
		}
		own, err := ns.IsCurrent(args.Netns)
		if err != nil {
			return err
		}
		if own {
			return Errorf(types.ErrInvalidNetNS, "plugin's netns and netns from CNI_NETNS should not be the same")
		}
		passedOn := *args
		args.NetnsOverride = "1"
		return run(&passedOn)
	}
}

// overridden reads CNI_NETNS_OVERRIDE as skel does.
func overridden(value string) bool {
	return value == "1" || strings.EqualFold(value, "true")
}
