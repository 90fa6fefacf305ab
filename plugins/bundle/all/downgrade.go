package all

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/bundle/cli"
)

// Downgrade is the command that gives the state of running containers the form of
// containernetworking/plugins.
func Downgrade(plugins []*plugin.Plugin) cli.Command {
	var asJSON bool
	return cli.Command{
		Name:    "downgrade",
		Summary: "give what containers have the form that containernetworking/plugins finds, before going back to that",
		Details: "Keep runtimes from adding containers until the binaries have been replaced.",
		Flags:   func(f *flag.FlagSet) { f.BoolVar(&asJSON, "json", false, "print a list in JSON") },
		Run: func([]string) error {
			if asJSON {
				return downgradeForProgram(plugins)
			}
			return downgrade(plugins, func(name string, run func([]string) error) error {
				fmt.Printf("%s: ", name)
				err := run(nil)
				if err != nil {
					fmt.Println("failed")
				}
				return err
			})
		},
	}
}

// downgrade hands call the command of each plugin that has one, and goes on after an error.
func downgrade(plugins []*plugin.Plugin, call func(name string, run func([]string) error) error) error {
	var errs []error
	for _, p := range plugins {
		run := p.Commands["downgrade"]
		if run == nil {
			continue
		}
		if err := call(p.Name, run); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.Name, err))
		}
	}
	return errors.Join(errs...)
}

// downgradeForProgram prints a list of what the plugins have done, those that failed with
// their error.
func downgradeForProgram(plugins []*plugin.Plugin) error {
	type entry struct {
		Plugin string `json:"plugin"`
		plugin.Downgrade
		Error string `json:"error,omitempty"`
	}
	all := []entry{}
	err := downgrade(plugins, func(name string, run func([]string) error) error {
		e := entry{Plugin: name}
		plugin.TellDowngraded = func(d plugin.Downgrade) { e.Downgrade = d }
		err := run(nil)
		if err != nil {
			e.Error = err.Error()
		}
		all = append(all, e)
		return err
	})
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(all))
}
