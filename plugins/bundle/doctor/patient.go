package doctor

import (
	"slices"
	"time"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/schema"
	"github.com/containernetworking/plugins/plugins/bundle/libcni"
	"github.com/containernetworking/plugins/plugins/bundle/show"
	"github.com/containernetworking/plugins/plugins/bundle/validate"
)

// patient is the node, with what several checks need to know of it.
type patient struct {
	plugins                   []*plugin.Plugin
	confDir, binDir, cacheDir string
	netns                     libcni.Directories
	// container is the beginning of an ID, or empty.
	container string
	limit     time.Duration

	networks    []libcni.Network
	errNetworks error
	// judged is what is to be told of the configurations.
	judged      []validate.Finding
	attachments []*show.Attachment
	errLook     error
}

func (p *patient) read() {
	p.networks, p.errNetworks = libcni.ReadNetworks(p.confDir)
	p.judged = validate.Look([]string{p.confDir}, p.plugins, nil) // executables looks for the plugins
	p.attachments, p.errLook = show.Look(p.plugins, p.cacheDir, p.netns)
}

// isRefused reports whether a plugin of ours refuses something of the configurations.
func (p *patient) isRefused() bool {
	return slices.ContainsFunc(p.judged, func(f validate.Finding) bool { return f.Severity == schema.Error })
}

// chosen returns the attachments that somebody has asked about: all, or those of a container.
func (p *patient) chosen() []*show.Attachment {
	var chosen []*show.Attachment
	for _, a := range p.attachments {
		if p.container == "" || a.IsOf(p.container) {
			chosen = append(chosen, a)
		}
	}
	return chosen
}

// living returns those of the chosen ones that the runtime knows and whose container lives.
func (p *patient) living() []*show.Attachment {
	var living []*show.Attachment
	for _, a := range p.chosen() {
		if a.Cached != nil && (a.State == show.Alive || a.Bare) {
			living = append(living, a)
		}
	}
	return living
}

// each calls f with all configurations of plugins.
func (p *patient) each(f func(n *libcni.Network, of libcni.Conf)) {
	for i := range p.networks {
		for _, of := range p.networks[i].Plugins {
			f(&p.networks[i], of)
		}
	}
}

// uses reports whether a network has the plugin.
func (p *patient) uses(name string) bool {
	found := false
	p.each(func(_ *libcni.Network, of libcni.Conf) { found = found || of.Get("type") == name })
	return found
}
