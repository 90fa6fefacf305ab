package hostlocal_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A network of all kinds: two sets, a gateway in a range and one outside, a lease beyond
// the ranges, leases from before the boot.
func TestUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	former := conf("1.1.0", dir, `"ranges":[[{"subnet":"10.9.9.0/24"}]]`)
	c := conf("1.1.0", dir, `"ranges":[[{"subnet":"10.1.2.0/29"},{"subnet":"10.1.3.0/24","rangeStart":"10.1.3.10","rangeEnd":"10.1.3.19"}],[{"subnet":"fd00::/64"}]]`)
	for _, id := range []string{"a", "b"} {
		call{id: id, conf: former}.add(t)
	}
	for _, id := range []string{"c", "d", "e"} {
		call{id: id, conf: c}.add(t)
	}
	before := `NETWORK  SET  SIZE                  USED  FREE                  RESERVED  RANGES
net      0    15                    3     12                    0         10.1.2.1-10.1.2.6,10.1.3.10-10.1.3.19
net      1    18446744073709551614  3     18446744073709551611  0         fd00::1-fd00::ffff:ffff:ffff:ffff
net      -    -                     2     -                     0         -
`
	if diff := cmp.Diff(before, shows(t, c, "usage", "--conf", "-")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	rebooted(t, dir, func() {
		if _, err := (call{verb: "ADD", id: "d", conf: c}).run(t); err != nil {
			t.Error(err)
		}
		json := fmt.Sprintf(`[{"network":"net","dataDir":%q,"set":0,"ranges":"10.1.2.1-10.1.2.6,10.1.3.10-10.1.3.19","size":15,"free":12,"used":1,"reserved":2},`+
			`{"network":"net","dataDir":%[1]q,"set":1,"ranges":"fd00::1-fd00::ffff:ffff:ffff:ffff","size":18446744073709551614,"free":18446744073709551611,"used":1,"reserved":2}]`+"\n", dir)
		if diff := cmp.Diff(json, shows(t, c, "usage", "--json", "--conf", "-")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		// Without configuration the directory tells what there is.
		if _, err := (call{verb: "DEL", id: "e", conf: c}).run(t); err != nil {
			t.Error(err)
		}
		json = fmt.Sprintf(`[{"network":"net","dataDir":%q,"used":2,"reserved":2}]`+"\n", dir)
		if diff := cmp.Diff(json, shows(t, "", "usage", "--json", "--data-dir", dir)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Networks come out of files as runtimes read them.
func TestUsageOfConfigurations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const plugin = `"type":"bridge","ipam":{"type":"host-local","dataDir":"/nowhere","ranges":[[{"subnet":"10.1.%d.0/24"}]]}`
	for name, text := range map[string]string{
		"10-list.conflist":        `{"cniVersion":"1.0.0","name":"list","plugins":[{"type":"tuning"},{` + fmt.Sprintf(plugin, 10) + `}]}`,
		"20-single.conf":          `{"cniVersion":"1.0.0","name":"single",` + fmt.Sprintf(plugin, 20) + `}`,
		"30-older.json":           `{"name":"older","type":"ptp","ipam":{"type":"host-local","subnet":"10.1.30.0/24"}}`,
		"40-again.conf":           `{"name":"single",` + fmt.Sprintf(plugin, 40) + `}`,
		"50-multus.conf":          `{"name":"multus","type":"multus","delegates":[{"name":"inner",` + fmt.Sprintf(plugin, 50) + `},{"name":"inner-list","plugins":[{` + fmt.Sprintf(plugin, 51) + `}]}]}`,
		"60-folder.conflist":      `{"cniVersion":"1.1.0","name":"folder"}`,
		"folder/10.conf":          `{` + fmt.Sprintf(plugin, 60) + `}`,
		"folder/11.json":          `{` + fmt.Sprintf(plugin, 61) + `}`,
		"70-inlined.conflist":     `{"cniVersion":"1.1.0","name":"inlined","loadOnlyInlinedPlugins":true,"plugins":[{"type":"loopback"}]}`,
		"inlined/10.conf":         `{` + fmt.Sprintf(plugin, 70) + `}`,
		"80-other.conflist":       `{"name":"other","plugins":[{"type":"ptp","ipam":{"type":"static"}},{"type":"loopback"}]}`,
		"85-runtime.conf":         `{"cniVersion":"1.0.0","name":"runtime","type":"ptp","capabilities":{"ipRanges":true},"ipam":{"type":"host-local","dataDir":"/nowhere"}}`,
		"90-invalid.conf":         `{"cniVersion":"1.0.0","name":"invalid","type":"ptp","ipam":{"type":"host-local","dataDir":"/nowhere"}}`,
		"95-broken.conf":          `{`,
		"99-backup.conflist.save": `{"name":"backup",` + fmt.Sprintf(plugin, 99) + `}`,
	} {
		write(t, filepath.Join(dir, name), text)
	}
	stdout, stderr, status := command(t, "", "usage", "-conf", dir)
	var got []string
	for line := range strings.Lines(stdout) {
		fields := strings.Fields(line)
		got = append(got, fields[0]+" "+fields[len(fields)-1])
	}
	want := []string{
		"NETWORK RANGES",
		"list 10.1.10.1-10.1.10.254", "single 10.1.20.1-10.1.20.254", "older 10.1.30.1-10.1.30.254",
		"inner 10.1.50.1-10.1.50.254", "inner-list 10.1.51.1-10.1.51.254", "folder 10.1.60.1-10.1.60.254",
		"runtime -", "invalid -",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	told := fmt.Sprintf("%s/90-invalid.conf: no IP ranges specified\n%[1]s/95-broken.conf: unexpected end of JSON input\n", dir)
	if stderr != told || status != 0 {
		t.Errorf("status %d, on standard error:\n%s", status, stderr)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), `a"b\c`)
	c := conf("1.1.0", dir, `"ranges":[[{"subnet":"10.1.2.0/29"}]]`)
	call{id: "a", conf: c}.add(t)
	call{id: "b", conf: strings.Replace(c, "10.1.2.", "10.1.3.", 1)}.add(t)
	labels := `{network="net",data_dir="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(dir) + `",set="0",ranges="10.1.2.1-10.1.2.6"} `
	beyond := strings.Replace(labels, `set="0",ranges="10.1.2.1-10.1.2.6"`, `set="",ranges=""`, 1)
	want := "# HELP cni_host_local_addresses Addresses that a range set can give out.\n# TYPE cni_host_local_addresses gauge\n" +
		"cni_host_local_addresses" + labels + "5\n" +
		"# HELP cni_host_local_addresses_used Addresses that containers have.\n# TYPE cni_host_local_addresses_used gauge\n" +
		"cni_host_local_addresses_used" + labels + "1\ncni_host_local_addresses_used" + beyond + "1\n" +
		"# HELP cni_host_local_addresses_free Addresses that nobody has.\n# TYPE cni_host_local_addresses_free gauge\n" +
		"cni_host_local_addresses_free" + labels + "4\n" +
		"# HELP cni_host_local_addresses_reserved Addresses from before the boot, for the same containers or when none is free.\n" +
		"# TYPE cni_host_local_addresses_reserved gauge\n" +
		"cni_host_local_addresses_reserved" + labels + "0\ncni_host_local_addresses_reserved" + beyond + "0\n"
	if diff := cmp.Diff(want, shows(t, c, "usage", "--prometheus", "--conf", "-")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
