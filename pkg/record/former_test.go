package record

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/containernetworking/plugins/pkg/owner"
)

// The name that an attachment's network had is that of a record of the same interface of
// the same container, unless there is one for the present name, or what is there makes no
// sense.
func TestFormer(t *testing.T) {
	now := owner.Attachment{Network: "after", ContainerID: "cid", IfName: "eth0"}
	before := owner.Attachment{Network: "before", ContainerID: "cid", IfName: "eth0"}
	other := owner.Attachment{Network: "before", ContainerID: "other", IfName: "eth0"}
	for _, test := range []struct {
		name string
		kept map[string]any // by the name of the file, without suffix
		want owner.Attachment
	}{
		{"nothing", nil, now},
		{"under the present name", map[string]any{now.Prefix(): now, before.Prefix(): before}, now},
		{"under another name", map[string]any{before.Prefix(): before, other.Prefix(): other}, before},
		{"only of another container", map[string]any{other.Prefix(): other}, now},
		{"of another owner than its name says", map[string]any{before.Prefix(): other}, now},
		{"without owner", map[string]any{before.Prefix(): []int{1}}, now},
		{"no record", map[string]any{"lock": nil}, now},
	} {
		t.Run(test.name, func(t *testing.T) {
			directory := filepath.Join(t.TempDir(), "records")
			for name, value := range test.kept {
				if err := Save(filepath.Join(directory, name+".json"), value); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := Former(directory, ".json", now); err != nil || got != test.want {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Former(file, "", now); err != nil || got != now {
		t.Errorf("in a file: %v, %v", got, err)
	}
}
