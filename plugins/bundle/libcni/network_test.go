package libcni

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseNetwork(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, version, types, err string }{
		{text: `{"name": "n", "type": "ptp"}`, types: "ptp "},
		{text: `{"name": "n", "cniVersion": "1.0.0", "plugins": [{"type": "ptp"}, {"type": "tuning"}]}`, version: "1.0.0", types: "ptp tuning "},
		// The latest version that is known, in whatever order they are.
		{text: `{"name": "n", "cniVersion": "0.4.0", "cniVersions": ["1.0.0", "0.3.1", "99.0.0"], "plugins": []}`, version: "1.0.0"},
		{text: `{"name": "n", "cniVersions": ["1.1.0"], "disableGC": "TRUE", "loadOnlyInlinedPlugins": false}`, version: "1.1.0"},
		{text: `{"name": "n", "cniVersions": ["one"]}`, err: "failed to convert major version part \"one\": strconv.Atoi: parsing \"one\": invalid syntax"},
		{text: `{"name": "n", "disableGC": "maybe"}`, err: "invalid character 'm' looking for beginning of value"},
		{text: `{"type": "ptp"}`, err: `it has no "name"`},
		{text: `{"name": "n", "plugins": [{}]}`, err: `a plugin has no "type"`},
		{text: `[]`, err: "json: cannot unmarshal array into Go value of type libcni.Network"},
	} {
		n, err := ParseNetwork([]byte(test.text))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(test.err, got); diff != "" {
			t.Errorf("%s: error (-want +got):\n%s", test.text, diff)
		}
		types := ""
		for _, c := range n.Plugins {
			types += c.Get("type") + " "
		}
		if err == nil && (n.Version != test.version || types != test.types) {
			t.Errorf("%s: version %q, types %q", test.text, n.Version, types)
		}
	}
}

func FuzzParseNetwork(f *testing.F) {
	f.Add([]byte(`{"name": "n", "cniVersions": ["1.0.0"], "disableGC": "true", "plugins": [{"type": "ptp"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := ParseNetwork(text)
		if err == nil && n.Name == "" {
			t.Errorf("%q has no name", text)
		}
	})
}

// What is at a path that cannot be looked at may live.
func TestIsGone(t *testing.T) {
	t.Parallel()
	d := Directories{"/proc/self/ns"}
	for _, test := range []struct {
		path       string
		host, gone bool
	}{
		{"", true, false},
		{"/proc/self/ns/net", true, false},
		{"/proc/4194305/ns/net", true, true}, // more than there can be
		{"/proc/4194305/ns/net", false, false},
		{"/run/nowhere/cni-1", false, true},
		{"/run/nowhere/net", false, false}, // there is one of the name
	} {
		if got := d.IsGone(test.path, test.host); got != test.gone {
			t.Errorf("%q, host %v: %v", test.path, test.host, got)
		}
	}
}
