package tap

import (
	"encoding/json"
	"testing"
)

func TestValidate(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                         "",
		`{"mtu": 68}`:                "",
		`{"mtu": 65521, "owner": 0}`: "",
		`{"mtu": -1}`:                "invalid mtu -1 (must be 0 or between 68 and 65521)",
		`{"mtu": 67}`:                "invalid mtu 67 (must be 0 or between 68 and 65521)",
		`{"mtu": 65522}`:             "invalid mtu 65522 (must be 0 or between 68 and 65521)",
	} {
		c := new(Conf)
		if err := json.Unmarshal([]byte(text), c); err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(); (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// A user id that the kernel does not know is refused when it is read.
func TestOwnerOutOfBounds(t *testing.T) {
	for _, text := range []string{`{"owner": -1}`, `{"group": 4294967296}`} {
		if err := json.Unmarshal([]byte(text), new(Conf)); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}
