// Package install puts the plugins where runtimes look for them, and takes them away
// again, while runtimes call them.
package install

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/plugins/bundle/cli"
)

// self is the name of the executable that has all plugins.
const self = "cni-plugins"

// options are the arguments of the command.
type options struct {
	// from is the directory whose plugins are installed. Default: those of this executable.
	from            string
	binDir, confDir string
	// conf is the path of a network configuration that is installed as well, or empty.
	conf string
	// symlink makes symbolic links to a file that has several names, not hard ones.
	symlink   bool
	uninstall bool
	// names of everything that may be installed in binDir, self first.
	names []string
}

// Command is the command `install` of an executable that has these plugins.
func Command(plugins []*plugin.Plugin) cli.Command {
	o := options{names: []string{self}}
	for _, p := range plugins {
		o.names = append(o.names, p.Name)
	}
	var flags *flag.FlagSet
	return cli.Command{
		Name:    "install",
		Summary: "put the plugins where runtimes look for them, also while these call plugins",
		Flags:   func(f *flag.FlagSet) { flags = f; o.flags(f) },
		Run: func([]string) error {
			if err := o.settle(flags); err != nil {
				return err
			}
			if o.uninstall {
				return record.Alone(o.binDir, o.remove)
			}
			return o.install()
		},
	}
}

func (o *options) flags(flags *flag.FlagSet) {
	flags.StringVar(&o.from, "from", "", "install the plugins in this `directory` instead of those in this executable")
	flags.StringVar(&o.binDir, "bin-dir", "/opt/cni/bin", "the `directory` where runtimes look for plugins")
	flags.StringVar(&o.confDir, "conf-dir", "/etc/cni/net.d", "the `directory` where runtimes look for network configurations")
	flags.StringVar(&o.conf, "conf", "", "install this `file`, a network configuration, behind the plugins")
	flags.BoolVar(&o.symlink, "symlink", false, "make symbolic links to an executable of several names, not hard ones")
	flags.BoolVar(&o.uninstall, "uninstall", false, "remove what was installed in --bin-dir")
}

// settle refuses flags that go not together, and makes paths absolute.
func (o *options) settle(flags *flag.FlagSet) error {
	var stray error
	flags.Visit(func(f *flag.Flag) {
		if o.uninstall && f.Name != "uninstall" && f.Name != "bin-dir" {
			stray = fmt.Errorf("%w: --uninstall knows what to remove, without --%s", plugin.ErrUsage, f.Name)
		}
	})
	for _, dir := range []*string{&o.binDir, &o.confDir} {
		var err error
		if *dir, err = filepath.Abs(*dir); err != nil {
			return err
		}
	}
	return stray
}

// install replaces what has the plugins' names, and leaves the rest of the directory
// alone. A plugin of an earlier install that is not among the new ones stays: containers
// may need it for their DEL.
func (o options) install() error {
	sources, err := o.sources()
	if err != nil {
		return err
	}
	var conf *configuration
	if o.conf != "" {
		if conf, err = readConfiguration(o.conf); err != nil {
			return err
		}
	}
	defer unix.Umask(unix.Umask(0o022)) // directories that are made are for all, as what is in them
	if err := os.MkdirAll(o.binDir, 0o755); err != nil {
		return err
	}
	if err := record.Alone(o.binDir, func() error { return o.replace(sources, conf) }); err != nil {
		return err
	}
	fmt.Printf("installed in %s:", o.binDir)
	for _, s := range sources {
		fmt.Print(" ", strings.Join(s.names, " "))
	}
	fmt.Println()
	if conf != nil {
		fmt.Printf("installed in %s: %s\n", o.confDir, conf.name)
	}
	if dir := overshadowing(podmanDirs, o.binDir, o.names); dir != "" {
		fmt.Printf("Podman with CNI looks into %s first, where plugins of others are. To have it use these,\n"+
			"write to /etc/containers/containers.conf:\n[network]\ncni_plugin_dirs = [%q]\n", dir, o.binDir)
	}
	return nil
}

// replace has all files complete before it replaces the first. The configuration comes
// last: it is what tells a runtime that the plugins are there.
func (o options) replace(sources []source, conf *configuration) error {
	binaries, confs := &batch{dir: o.binDir}, &batch{dir: o.confDir}
	defer binaries.discard()
	defer confs.discard()
	added := manifest{}
	for _, s := range sources {
		digest, err := binaries.executable(s, o.symlink)
		if err != nil {
			return err
		}
		for _, name := range s.names {
			added[name] = []string{digest}
		}
	}
	if conf != nil {
		if err := os.MkdirAll(o.confDir, 0o755); err != nil {
			return err
		}
		digest, err := confs.write(conf.name, bytes.NewReader(conf.text), conf.mode)
		if err != nil {
			return err
		}
		added[filepath.Join(o.confDir, conf.name)] = []string{digest}
	}
	return added.record(o.binDir, func() error {
		if err := binaries.place(); err != nil {
			return err
		}
		return confs.place()
	})
}
