package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/schema"
)

// refusing is a plugin's Validate: it refuses numbers above 9, in lists or under a key, a
// without b, and c with d.
func refusing(conf []byte) error {
	var c struct {
		A, B, C, D int
		List       []int
	}
	if err := json.Unmarshal(conf, &c); err != nil {
		return err
	}
	for i, n := range c.List {
		if n > 9 {
			return fmt.Errorf("list[%d]: %d is too much", i, n)
		}
	}
	switch {
	case c.B > 9:
		return fmt.Errorf("b: %d is too much", c.B)
	case c.A != 0 && c.B == 0:
		return errors.New("a needs b")
	case c.C != 0 && c.D != 0:
		return errors.New("one of both is too much")
	}
	return nil
}

// Where a configuration is refused shows from what makes the refusal go.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for conf, want := range map[string][]string{
		`{}`:                       nil,
		`{"b": 10}`:                {"b: error: b: 10 is too much"},
		`{"a": 1}`:                 {"a: error: a needs b"},
		`{"c": 1, "d": 1}`:         {"error: one of both is too much"},
		`{"list": [1, 10, 2, 11]}`: {"list[1]: error: list[1]: 10 is too much", "list[2]: error: list[2]: 11 is too much"},
		`{"a": "x", "list": [10]}`: {"a: error: json: cannot unmarshal string into Go struct field .A of type int", "list[0]: error: list[0]: 10 is too much"},
		`{"b": 10, "list": [12]}`:  {"list[0]: error: list[0]: 12 is too much", "b: error: b: 10 is too much"},
	} {
		document, err := schema.Decode([]byte(conf))
		if err != nil {
			t.Fatal(err)
		}
		found, all := refusals{refusing}.of([]byte(conf), document)
		var got []string
		for _, f := range found {
			got = append(got, f.String())
		}
		if diff := cmp.Diff(want, got); diff != "" || !all {
			t.Errorf("%s (-want +got), all %v:\n%s", conf, all, diff)
		}
	}
}

// A key that begins like another one is another place.
func TestMergeOfPlaces(t *testing.T) {
	t.Parallel()
	vlan := schema.Finding{Severity: schema.Error, Place: "vlan", Message: "5000 is not 0 to 4094"}
	item := schema.Finding{Severity: schema.Error, Place: "vlanTrunk[0]", Message: "minID is greater than maxID"}
	inner := schema.Finding{Severity: schema.Error, Place: "vlanTrunk[0].id", Message: "0 is not 1 to 4094"}
	for _, test := range []struct{ excluded, refused, want []schema.Finding }{
		{[]schema.Finding{vlan}, []schema.Finding{item, vlan}, []schema.Finding{vlan, item}},
		{[]schema.Finding{inner}, []schema.Finding{item}, []schema.Finding{inner}},
	} {
		if diff := cmp.Diff(test.want, merge(test.excluded, test.refused, true)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Whatever is given, there is an end, and places are of the document.
func FuzzFindings(f *testing.F) {
	for _, seed := range []string{`{"name": "n", "type": "p", "list": [10]}`, `{"name": "n", "plugins": [{"type": "p", "b": 10}]}`, `[]`, `{"plugins": [null, 1]}`} {
		f.Add([]byte(seed))
	}
	p := Plugin{Name: "p", Validate: refusing}
	f.Fuzz(func(t *testing.T, conf []byte) {
		Findings(conf, func(string) Judge { return p.Judge })
	})
}
