package vrf

import (
	"encoding/json"
	"testing"
)

func TestConf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"vrfname": "blue"}`:                      "",
		`{"vrfName": "blue", "table": 0}`:          "",
		`{"vrfname": "blue", "table": 4294967295}`: "",
		`{}`:                              "configuration is expected to have a valid vrf name",
		`{"vrfname": "0123456789abcdef"}`: `vrfname "0123456789abcdef": interface name is too long; interface name should be less than 16 characters`,
		`{"vrfname": ".."}`:               `vrfname "..": interface name is . or ..`,
		`{"vrfname": "vrf%d"}`:            `vrfname: interface name "vrf%d" has a %, which the kernel takes for a place to put a number`,
	} {
		var c Conf
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(); err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// Whatever somebody configures, it is no panic, and DEL looks for no name that no
// interface can have.
func FuzzConf(f *testing.F) {
	f.Add([]byte(`{"vrfname": "blue", "table": 7}`))
	f.Add([]byte(`{"vrfname": "../blue"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var c Conf
		_ = json.Unmarshal(text, &c)
		if err := c.Validate(); err != nil && len(c.VRFName) > 15 {
			t.Errorf("%v, but the name is %q", err, c.VRFName)
		}
	})
}
