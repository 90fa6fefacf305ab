// Package gc removes what containers have that are gone, on nodes whose runtime never asks
// the plugins to: containerd, Podman.
package gc

import (
	"errors"
	"flag"

	"github.com/containernetworking/plugins/plugins/bundle/cli"
	"github.com/containernetworking/plugins/plugins/bundle/libcni"
)

// options are the arguments of the command.
type options struct {
	// netns are directories that have the namespaces of containers.
	netns libcni.Directories
	// confDir, binDir and cacheDir are where the runtime has configurations, plugins and,
	// below results, what libcni knows of attachments.
	confDir, binDir, cacheDir string
	// idle is the promise that nothing is added meanwhile.
	idle, dryRun bool
	// asJSON says that a program reads what is printed.
	asJSON bool
}

// Command is the command `gc`.
func Command() cli.Command {
	var o options
	return cli.Command{
		Name:    "gc",
		Summary: "remove what containers have that are gone, for runtimes that never ask plugins to",
		Details: "An attachment is gone if its namespace is. It gets a DEL with the configuration that it was added with.",
		Flags:   o.flags,
		Run:     func([]string) error { return o.collect() },
	}
}

func (o *options) flags(flags *flag.FlagSet) {
	flags.Var(&o.netns, "netns", "a `directory` with the namespaces of containers, if it is not where the runtime says; may be repeated")
	flags.StringVar(&o.confDir, "conf-dir", "/etc/cni/net.d", "the `directory` with the runtime's network configurations")
	flags.StringVar(&o.binDir, "bin-dir", "/opt/cni/bin", "the `directory` with the plugins")
	flags.StringVar(&o.cacheDir, "cache-dir", "/var/lib/cni", "the `directory` with what the runtime knows of attachments, in results")
	flags.BoolVar(&o.idle, "idle", false, "nothing is added meanwhile, as before a runtime starts: remove also what no attachment is known of")
	flags.BoolVar(&o.dryRun, "dry-run", false, "tell what would be removed, and change nothing")
	flags.BoolVar(&o.asJSON, "json", false, "print an object in JSON")
}

// collect goes on after an error: what one network lacks is no reason to keep what is of
// another.
func (o options) collect() error {
	networks, errNetworks := libcni.ReadNetworks(o.confDir)
	cached, errCache := libcni.ReadCache(o.cacheDir)
	if cached == nil && errCache != nil {
		return errCache
	}
	live, gone, err := o.sort(cached)
	if err != nil {
		return err
	}
	recorded, errRecords := recordedGone(live, gone)
	report := &report{asJSON: o.asJSON, DryRun: o.dryRun, Removed: []attachment{}}
	c := collection{o, networks, live, report}
	errs := []error{errNetworks, errCache, errRecords}
	gone = append(gone, recorded...)
	progress := cli.Begin("attachments that are gone", len(gone))
	for _, a := range gone {
		progress.Step()
		errs = append(errs, c.remove(a))
	}
	progress.End()
	report.Live, report.Gone = len(live), len(gone)
	report.say("attachments that live: %d, that are gone: %d", len(live), len(gone))
	// What cannot be read may be alive.
	if o.idle && errCache == nil {
		errs = append(errs, c.sweep())
	}
	errs = append(errs, report.print())
	return errors.Join(errs...)
}

// sort tells the attachments whose namespace is certainly gone from the others.
func (o options) sort(cached []libcni.Attachment) (live, gone []libcni.Attachment, err error) {
	host := libcni.SeesHost()
	if !host && len(o.netns) == 0 && len(cached) > 0 {
		return nil, nil, errors.New("this process sees other files than the host does: name the directories of namespaces by --netns")
	}
	for _, a := range cached {
		if o.netns.IsGone(a.Namespace(), host) {
			gone = append(gone, a)
		} else {
			live = append(live, a)
		}
	}
	return live, gone, nil
}
