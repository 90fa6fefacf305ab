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

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
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
	CNIFuncs
	// Help and Schema are what a plugin tells of itself: help.txt and schema.json, which
	// scripts/schema writes.
	Help, Schema *string
	// Validate returns why ADD would refuse a configuration whatever the node, the container
	// and the runtime's part are like. Default: it would not.
	Validate func(conf []byte) error
	// Commands are what Main runs, by its first argument, when there is no verb in
	// the environment, as in `portmap repair`: for persons and services, not for
	// runtimes. They get the arguments behind their names, and their errors go to
	// standard error as plain text.
	Commands map[string]func(args []string) error
	// Repair makes again what others have flushed; nil if there is nothing that they could.
	// See WithRepair.
	Repair func() error
	// Holdings returns what attachments have on this node beside their interfaces in
	// containers, upstream's state as well. The known attachments help to find the owners
	// of what has but a name made from theirs. nil if there is never anything.
	Holdings func(known []owner.Attachment) ([]Holding, error)
}

// With returns the plugin with one more command.
func (p Plugin) With(name string, command func(args []string) error) Plugin {
	commands := map[string]func([]string) error{name: command}
	maps.Copy(commands, p.Commands)
	p.Commands = commands
	return p
}

// WithAbout returns the plugin with what it tells of itself.
func (p Plugin) WithAbout(help, schema *string) Plugin {
	p.Help, p.Schema = help, schema
	return p
}

// Main runs the verb that the environment asks for and exits: with status 0, or
// with status 1 and an error in JSON on standard output. Without a verb it runs
// the command that the first argument names. Delegates are the plugins that it calls, if they
// are of the same build, without starting a process.
func Main(p Plugin, delegates ...*Plugin) {
	siblings = append(siblings, delegates...)
	if os.Getenv("CNI_COMMAND") == "" {
		os.Exit(p.called(os.Args[1:], os.Stdout, os.Stderr))
	}
	if os.Getenv("CNI_COMMAND") == "ADD" {
		catchSignals()
	}
	if err := Guard(p.answer); err != nil {
		logRefusal(p.Name, err)
		if cniError(err).Print() != nil {
			os.Stderr.WriteString(p.Name + ": " + err.Error() + "\n")
		}
		os.Exit(1)
	}
}

// answer does what the environment asks for.
func (p Plugin) answer() error {
	command, args, err := readRequest(os.Stdin)
	switch {
	case err != nil:
		return err
	case command == "VERSION":
		return p.printVersions(os.Stdout)
	}
	run, ok := p.verbs()[command]
	if !ok {
		return Errorf(types.ErrInvalidEnvironmentVariables, "unknown CNI_COMMAND: %s", command)
	}
	if err := p.checkVersion(command, args.StdinData); err != nil {
		return err
	}
	if command == "ADD" || command == "DEL" {
		run = outsideOnly(run)
	}
	return p.verb(command, run)(args)
}

func (p Plugin) verbs() map[string]verb {
	return map[string]verb{"ADD": p.Add, "CHECK": p.Check, "DEL": p.Del, "GC": p.GC, "STATUS": p.Status}
}

type verb = func(*CmdArgs) error

// verb makes the errors and panics of one verb fit for the runtime.
func (p Plugin) verb(name string, run verb) verb {
	if run == nil {
		run = p.nothing(name)
	}
	return func(args *CmdArgs) error {
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
	return func(args *CmdArgs) error {
		if name != "GC" {
			return nil
		}
		_, err := ValidAttachments(args.StdinData)
		return err
	}
}

// outsideOnly refuses to work on the namespace that the plugin itself runs in
// (CNI specification, section 2), which a runtime names only by mistake: its
// own links would be taken for the container's.
func outsideOnly(run verb) verb {
	if run == nil {
		return nil
	}
	return func(args *CmdArgs) error {
		if args.NetnsOverride == "1" || strings.EqualFold(args.NetnsOverride, "true") {
			return run(args)
		}
		own, err := ns.IsCurrent(args.Netns)
		if err != nil {
			return err
		}
		if own {
			return Errorf(types.ErrInvalidNetNS, "plugin's netns and netns from CNI_NETNS should not be the same")
		}
		return run(args)
	}
}
