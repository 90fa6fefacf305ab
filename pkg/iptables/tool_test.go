package iptables

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The legacy tools are of use where the kernel has their tables, or gets them by being asked.
func TestAvailable(t *testing.T) {
	for _, test := range []struct {
		name, program, list string
		status              string
		want                string // of the error
		starts              bool
	}{
		{name: "nf_tables", program: "xtables-nft-multi", status: "1"},
		{name: "legacy tables in use", program: "xtables-legacy-multi", list: "ip_tables_names", status: "1"},
		{name: "legacy tables that the tool loads", program: "xtables-legacy-multi", status: "0", starts: true},
		{name: "none", program: "xtables-legacy-multi", status: "1", starts: true,
			want: "iptables-save -t filter: exit status 1: Cannot initialize: Table does not exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			program, started := filepath.Join(dir, test.program), filepath.Join(dir, "started")
			script := "#!/bin/sh\necho \"$0\" >" + started + "\necho Cannot initialize: Table does not exist >&2\nexit " + test.status + "\n"
			if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			for _, tool := range []string{"iptables-restore", "iptables-save"} {
				if err := os.Symlink(program, filepath.Join(dir, tool)); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", dir)
			procNet = dir
			t.Cleanup(func() { procNet = "/proc/thread-self/net" })
			if test.list != "" {
				if err := os.WriteFile(filepath.Join(dir, test.list), nil, 0o440); err != nil {
					t.Fatal(err)
				}
			}
			have := ""
			if err := Available(); err != nil {
				have = err.Error()
			}
			if !strings.HasSuffix(have, test.want) || (have == "") != (test.want == "") || Usable() != (test.want == "") {
				t.Errorf("error %q, want %q", have, test.want)
			}
			if _, err := os.Stat(started); (err == nil) != test.starts {
				t.Errorf("started: %v", err == nil)
			}
		})
	}
}
