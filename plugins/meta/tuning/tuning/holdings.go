package tuning

import (
	"path/filepath"
	"strings"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
)

// holdings returns the backups in the default directory. Upstream's tell the container and
// its interface.
func holdings([]owner.Attachment) ([]plugin.Holding, error) {
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
			found = append(found, plugin.Holding{Attachment: a, Kind: "settings to put back", What: path + ", of containernetworking/plugins"})
		}
	}
	return found, plugin.Join(err, errNames)
}
