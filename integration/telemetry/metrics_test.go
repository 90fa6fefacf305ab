package telemetry

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// TestMetrics has the parser that node_exporter's textfile collector is made of read what
// `host-local usage --prometheus` prints, of a network and a directory with all that a
// label may have.
func TestMetrics(t *testing.T) {
	dataDir := filepath.Join(t.TempDir(), `a"b\c`)
	if err := os.MkdirAll(filepath.Join(dataDir, "other"), 0o700); err != nil {
		t.Fatal(err)
	}
	conf := `{"cniVersion": "1.1.0", "name": "net", "type": "ptp", "ipam": {"type": "host-local", "dataDir": "` +
		strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(dataDir) + `", "ranges": [[{"subnet": "10.1.2.0/29"}], [{"subnet": "fd00::/64"}]]}}`
	bin, _, _ := strings.Cut(os.Getenv("CNI_TELEMETRY_BIN"), ":")
	hostLocal := func(env []string, args ...string) []byte {
		cmd := exec.Command(filepath.Join(bin, "host-local"), args...)
		cmd.Env, cmd.Stdin, cmd.Stderr = append(os.Environ(), env...), strings.NewReader(conf), os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	hostLocal([]string{"CNI_COMMAND=ADD", "CNI_CONTAINERID=c", "CNI_NETNS=/none", "CNI_IFNAME=eth0", "CNI_PATH=" + bin})

	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(hostLocal(nil, "usage", "--prometheus", "--conf", "-")))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][2]float64{
		"cni_host_local_addresses":          {5, 1<<64 - 2},
		"cni_host_local_addresses_used":     {1, 1},
		"cni_host_local_addresses_free":     {4, 1<<64 - 3},
		"cni_host_local_addresses_reserved": {0, 0},
	}
	for name, values := range want {
		f := families[name]
		if f.GetType() != dto.MetricType_GAUGE || f.GetHelp() == "" || len(f.GetMetric()) != len(values) {
			t.Errorf("%s: %v", name, f)
			continue
		}
		for i, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if m.GetGauge().GetValue() != values[i] || labels["network"] != "net" || labels["data_dir"] != dataDir || labels["set"] != []string{"0", "1"}[i] {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
	if len(families) != len(want) {
		t.Errorf("%d metrics", len(families))
	}
}
