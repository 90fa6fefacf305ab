package plugin

import (
	"encoding/json"
	"errors"
	"net"
	"testing"
)

func TestUnmarshal(t *testing.T) {
	t.Parallel()
	type Inner struct {
		Rate uint64 `json:"rate"`
	}
	type embedded struct{ Inner }
	type conf struct {
		embedded
		RuntimeConfig struct {
			Inner
		} `json:"runtimeConfig"`
		MTU     int      `json:"mtu"`
		Masq    *bool    `json:"ipMasq"`
		Names   []string `json:"names"`
		Address net.IP   `json:"address"`
		IPAM    struct {
			Type string `json:"type"`
		} `json:"ipam"`
	}
	for text, want := range map[string]string{
		`{"mtu": "1500"}`:                 `mtu: want a whole number, have a string`,
		`{"mtu": 8.5}`:                    `mtu: want a whole number, have the number 8.5`,
		`{"rate": -1}`:                    `rate: want a whole number that is not negative, have the number -1`,
		`{"runtimeConfig": {"rate": -1}}`: `runtimeConfig.rate: want a whole number that is not negative, have the number -1`,
		`{"ipMasq": "true"}`:              `ipMasq: want true or false, have a string`,
		`{"names": "a"}`:                  `names: want a list, have a string`,
		`{"names": 7}`:                    `names: want a list, have a number`,
		`{"ipam": []}`:                    `ipam: want an object, have a list`,
		`{"ipam": {"type": {}}}`:          `ipam.type: want a string, have an object`,
		`{"ipam": {"type": true}}`:        `ipam.type: want a string, have true or false`,
		`{"mtu": 1`:                       `unexpected end of JSON input`,
		`{"mtu": 1, "ipam": {"x": 1}}`:    ``,
	} {
		err := Unmarshal([]byte(text), new(conf))
		if err == nil && want == "" {
			continue
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
		var wrong *json.UnmarshalTypeError
		if isType := errors.As(err, &wrong); isType != (text != `{"mtu": 1`) {
			t.Errorf("%s: is a json.UnmarshalTypeError: %v", text, isType)
		}
	}
}
