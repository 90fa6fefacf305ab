package tuning

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
)

// holdings returns the backups in the default directory. Upstream's tell the container and
// its interface: by their name alone that is sure only of those that are known, as both may
// have an underscore.
func holdings(known []owner.Attachment) ([]plugin.Holding, error) {
	d := directory(defaultDataDir)
	var found []plugin.Holding
	shared := map[string]bool{}
	err := d.each(func(string) bool { return true }, func(path string, b *backup) error {
		h := plugin.Holding{Kind: "settings to put back", What: path, Prefix: strings.TrimSuffix(filepath.Base(path), recordSuffix)}
		if b != nil {
			h.Prefix, h.Attachment = "", b.Attachment
			shared[d.shared(b.Attachment)] = b.Shared
		}
		found = append(found, h)
		return nil
	})
	names, errNames := record.Names(defaultDataDir)
	for _, name := range names {
		path := filepath.Join(defaultDataDir, name)
		attachment, ok := strings.CutSuffix(name, ".json")
		at := strings.LastIndex(attachment, "_")
		if ok && at > 0 && !shared[path] {
			a := owner.Attachment{ContainerID: attachment[:at], IfName: attachment[at+1:]}
			if i := slices.IndexFunc(known, func(k owner.Attachment) bool { return d.shared(k) == path }); i >= 0 {
				a = owner.Attachment{ContainerID: known[i].ContainerID, IfName: known[i].IfName}
			}
			found = append(found, plugin.Holding{Attachment: a, Kind: "settings to put back", What: path + ", of containernetworking/plugins"})
		}
	}
	return found, plugin.Join(err, errNames)
}
