package schema

import (
	"encoding/json"
	"strings"
	"testing"
)

const example = `{"type": "object", "required": ["id"], "properties": {
	"id": {"type": "integer", "minimum": 1, "maximum": 4094},
	"mtu": {"type": "integer", "anyOf": [{"const": 0}, {"minimum": 68}], "maximum": 9000},
	"mode": {"type": "string", "enum": ["", "l2", "l3"]},
	"route": {"anyOf": [{"type": "boolean"}, {"type": "object", "required": ["metric"], "properties": {"metric": {"type": "integer", "minimum": 1}}}]},
	"name": {"type": "string", "minLength": 1, "maxLength": 3},
	"list": {"type": "array", "maxItems": 2, "items": {"type": "array", "items": {"type": "object", "properties": {"dst": {"type": "string"}}}}},
	"map": {"type": "object", "additionalProperties": {"type": "boolean"}}
}}`

func TestCheck(t *testing.T) {
	t.Parallel()
	s := new(Schema)
	if err := json.Unmarshal([]byte(example), s); err != nil {
		t.Fatal(err)
	}
	for document, want := range map[string]string{
		`{"id": 1, "mtu": 0, "mode": "l2", "route": true, "list": [[{"dst": "x"}]], "map": {"a.b": true}, "other": 1}`: "",
		`{"ID": 4094, "mode": "", "mtu": null, "route": {"metric": 1}}`:                                                "",
		`{}`:                                  `error: there is no "id"`,
		`{"id": 0}`:                           `id: error: 0 is not 1 to 4094`,
		`{"id": 1.0}`:                         `id: error: want a whole number, have the number 1.0`,
		`{"id": "1"}`:                         `id: error: want a whole number, have "1"`,
		`{"id": 1, "mtu": 67}`:                `mtu: error: the number 67 is not 0 or 68 to 9000`,
		`{"id": 1, "mtu": 9001}`:              `mtu: error: 9001 is not at most 9000`,
		`{"id": 1, "mode": "l4"}`:             `mode: error: "l4" is not "l2" or "l3"`,
		`{"id": 1, "route": 1}`:               `route: error: the number 1 is not true or false or an object`,
		`{"id": 1, "route": {"metric": 0}}`:   `route.metric: error: 0 is not at least 1`,
		`{"id": 1, "name": "four"}`:           `name: error: "four" has 4 characters, and may have 1 to 3`,
		`{"id": 1, "list": [[{"dst": 1}]]}`:   `list[0][0].dst: error: want a string, have the number 1`,
		`{"id": 1, "list": [[{"dts": "x"}]]}`: `list[0][0].dts: warning: there is no such key: is "dst" meant?`,
		`{"id": 1, "list": [[], [], []]}`:     `list: error: there are 3 of what may be at most 2`,
		`{"id": 1, "map": {"a.b": 1}}`:        `map["a.b"]: error: want true or false, have the number 1`,
	} {
		value, err := Decode([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range s.Check(value) {
			got = append(got, f.String())
		}
		if text := strings.Join(got, "\n"); text != want {
			t.Errorf("%s:\ngot  %s\nwant %s", document, text, want)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, text := range []string{``, `{`, `{} {}`, `{}}`, "{}\n]", `{"a": 1,}`} {
		if _, err := Decode([]byte(text)); err == nil {
			t.Errorf("%q is decoded", text)
		}
	}
	if _, err := Decode([]byte("{} \t\r\n")); err != nil {
		t.Error(err)
	}
}
