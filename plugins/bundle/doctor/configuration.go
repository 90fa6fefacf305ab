package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/schema"
	"github.com/containernetworking/plugins/plugins/bundle/libcni"
)

// configuration looks whether the runtime finds networks.
func configuration(p *patient) []Finding {
	var found []Finding
	for _, f := range p.judged {
		text := f.File + ": " + strings.TrimPrefix(f.Place+": "+f.Message, ": ")
		switch {
		case f.File == p.confDir: // told below
		case f.Severity == schema.Error:
			found = append(found, fault("mend or remove it: runtimes may refuse the whole directory, and ADD fails", "%s", text))
		default:
			found = append(found, warning("mend it, unless it is meant so", "%s", text))
		}
	}
	if p.errNetworks != nil && !p.isRefused() { // or else they are told
		found = append(found, fault("mend or remove it: runtimes may refuse the whole directory", "%v", p.errNetworks))
	}
	if len(p.networks) == 0 {
		return append(found, fault("containers get no network until a configuration is there", "there is none in %s", p.confDir))
	}
	names := make([]string, len(p.networks))
	for i, n := range p.networks {
		names[i] = n.Name
	}
	return append(found, ok("networks in %s: %s", p.confDir, strings.Join(names, ", ")))
}

// types returns the plugins that the networks name, those for addresses as well.
func (p *patient) types() []string {
	all := map[string]bool{}
	p.each(func(_ *libcni.Network, of libcni.Conf) {
		all[of.Get("type")] = true
		if ipam := of.IPAM(); ipam != "" {
			all[ipam] = true
		}
	})
	return slices.Sorted(maps.Keys(all))
}

// executables looks whether all plugins that the networks name are there, and of one version.
func executables(p *patient) []Finding {
	var found []Finding
	versions := map[string][]string{}
	for _, name := range p.types() {
		path := filepath.Join(p.binDir, name)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			found = append(found, fault("cni-plugins install, or name the directory by --bin-dir", "%s is not in %s", name, p.binDir))
		case err != nil:
			found = append(found, fault("", "%v", err))
		case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
			found = append(found, fault("chmod 755 "+path, "%s cannot be executed", path))
		case p.isOurs(name):
			version := p.versionOf(path)
			versions[version] = append(versions[version], name)
		}
	}
	if len(versions) > 1 {
		var texts []string
		for _, version := range slices.Sorted(maps.Keys(versions)) {
			texts = append(texts, fmt.Sprintf("%s: %s", version, strings.Join(versions[version], " ")))
		}
		found = append(found, warning("cni-plugins install puts all of one version there", "of several versions: %s", strings.Join(texts, "; ")))
	}
	if len(found) == 0 {
		found = append(found, ok("all are in %s: %s", p.binDir, strings.Join(p.types(), " ")))
	}
	return found
}

func (p *patient) isOurs(name string) bool {
	return slices.ContainsFunc(p.plugins, func(one *plugin.Plugin) bool { return one.Name == name })
}

// versionOf returns the version that a plugin tells a person, which only its executable knows.
func (p *patient) versionOf(path string) string {
	ctx, cancel := context.WithTimeout(context.Background(), p.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CNI_") })
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // which fails, as nothing says what to do
	first, _, _ := strings.Cut(out.String(), "\n")
	if i := strings.LastIndex(first, "plugin "); i >= 0 {
		return strings.TrimPrefix(first[i+len("plugin "):], "version ")
	}
	return "unknown"
}

// statusVersion is the first one of the specification that has the verb STATUS.
const statusVersion = "1.1.0"

// status asks all plugins whether they could make an attachment: that includes features of the
// kernel, tools and devices.
func status(p *patient) []Finding {
	var found []Finding
	p.each(func(n *libcni.Network, of libcni.Conf) {
		asked := *n
		if knows, err := version.GreaterThanOrEqualTo(n.Version, statusVersion); err == nil && !knows {
			asked.Version = statusVersion
		}
		called, err := asked.Call(p.binDir, of, map[string]any{}, plugin.CmdArgs{})
		if err == nil {
			err = called.Status()
		}
		var refusal *types.Error
		if err != nil && !(errors.As(err, &refusal) && p.isTold(of, refusal)) {
			found = append(found, fault("containers that are added to this network fail until then", "network %s: %v", n.Name, err))
		}
	})
	if found == nil && len(p.networks) > 0 {
		found = append(found, ok("all plugins could make an attachment"))
	}
	return found
}

// isTold reports whether an error of STATUS needs no telling: the plugin is too old for the
// verb, or the check of configurations has found what it refuses.
func (p *patient) isTold(of libcni.Conf, refusal *types.Error) bool {
	switch refusal.Code {
	case types.ErrIncompatibleCNIVersion, types.ErrInvalidEnvironmentVariables:
		return true
	case types.ErrInvalidNetworkConfig:
		return p.isOurs(of.Get("type")) && p.isRefused()
	}
	return false
}
