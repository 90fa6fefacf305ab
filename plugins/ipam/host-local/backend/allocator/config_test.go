package allocator

import (
	"fmt"
	"strings"
	"testing"
)

// text returns all that LoadIPAMConfig chose.
func text(conf *IPAMConfig) string {
	var sets []string
	for i := range conf.Ranges {
		sets = append(sets, conf.Ranges[i].String())
	}
	return strings.Join(sets, " ") + fmt.Sprint(" ", conf.IPArgs)
}

func TestLoadIPAMConfig(t *testing.T) {
	conf := func(version, ipam, more string) string {
		return fmt.Sprintf(`{"cniVersion":%q,"name":"mynet","type":"ipvlan","ipam":%s%s}`, version, ipam, more)
	}
	const legacy = `{"type":"host-local","subnet":"10.1.2.0/24","rangeStart":"10.1.2.9","rangeEnd":"10.1.2.20","gateway":"10.1.2.30"}`
	tests := map[string]struct {
		conf, args string
		want       string
		wantErr    string
	}{
		"old form": {conf: conf("0.3.1", legacy, ""), want: "10.1.2.9-10.1.2.20 []"},
		"new form": {
			conf: conf("0.3.1", `{"ranges":[[{"subnet":"10.1.2.0/24"},{"subnet":"10.1.4.0/24","rangeEnd":"10.1.4.9"}],[{"subnet":"2001:db8:1::/64"}]]}`, ""),
			want: "10.1.2.1-10.1.2.254,10.1.4.1-10.1.4.9 2001:db8:1::1-2001:db8:1:0:ffff:ffff:ffff:ffff []",
		},
		"runtime, old, new": {
			conf: conf("0.3.1", `{"subnet":"10.1.2.0/24","ranges":[[{"subnet":"10.1.4.0/24"}],[{"subnet":"11.1.2.0/24"}]]}`,
				`,"runtimeConfig":{"ipRanges":[[{"subnet":"12.1.3.0/24"}]]}`),
			want: "12.1.3.1-12.1.3.254 10.1.2.1-10.1.2.254 10.1.4.1-10.1.4.254 11.1.2.1-11.1.2.254 []",
		},
		"keys in any case": {
			conf: `{"CNIVERSION":"0.3.1","Name":"mynet","IPAM":{"RANGES":[[{"SubNet":"10.1.2.0/24","RangeStart":"10.1.2.5"}]]},"RuntimeConfig":{"IPs":["10.1.2.7/24"]}}`,
			want: "10.1.2.5-10.1.2.254 [10.1.2.7]",
		},
		"old keys without subnet": {conf: conf("1.0.0", `{"rangeStart":"10.1.2.9","ranges":[[{"subnet":"10.1.2.0/24"}]]}`, ""), want: "10.1.2.1-10.1.2.254 []"},
		"requested, in order": {
			conf: conf("1.0.0", legacy, `,"args":{"cni":{"ips":["10.1.2.11/24","2001:db8::1"]}},"runtimeConfig":{"ips":["10.1.2.12"]}`),
			args: "IP=10.1.2.10/24", want: "10.1.2.9-10.1.2.20 [10.1.2.10 10.1.2.11 2001:db8::1 10.1.2.12]",
		},
		"CNI_ARGS without prefix":  {conf: conf("1.0.0", legacy, ""), args: "IP=10.1.2.10", want: "10.1.2.9-10.1.2.20 [10.1.2.10]"},
		"CNI_ARGS without address": {conf: conf("1.0.0", legacy, ""), args: "IP=", want: "10.1.2.9-10.1.2.20 []"},
		"unknown args ignored":     {conf: conf("1.0.0", legacy, ""), args: "K=V;IgnoreUnknown=TRUE", want: "10.1.2.9-10.1.2.20 []"},
		"0.2.0, one per family":    {conf: conf("0.2.0", `{"ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"2001:db8:1::/64"}]]}`, ""), want: "10.1.2.1-10.1.2.254 2001:db8:1::1-2001:db8:1:0:ffff:ffff:ffff:ffff []"},
		"null args":                {conf: conf("1.0.0", legacy, `,"args":null,"runtimeConfig":null`), want: "10.1.2.9-10.1.2.20 []"},
		"empty args":               {conf: conf("1.0.0", legacy, `,"args":{"cni":null}`), want: "10.1.2.9-10.1.2.20 []"},

		"0.2.0, two of a family": {conf: conf("0.2.0", `{"ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"10.1.4.0/24"}]]}`, ""), wantErr: "CNI version 0.2.0 does not support more than 1 address per family"},
		"no ipam":                {conf: `{"cniVersion":"1.0.0","name":"mynet"}`, wantErr: "IPAM config missing 'ipam' key"},
		"ipam null":              {conf: conf("1.0.0", "null", ""), wantErr: "IPAM config missing 'ipam' key"},
		"no ranges":              {conf: conf("1.0.0", "{}", ""), wantErr: "no IP ranges specified"},
		"empty ranges":           {conf: conf("1.0.0", `{"ranges":[]}`, ""), wantErr: "no IP ranges specified"},
		"empty set":              {conf: conf("1.0.0", `{"ranges":[[]]}`, ""), wantErr: "invalid range set 0: empty range set"},
		"mixed families":         {conf: conf("1.0.0", `{"ranges":[[{"subnet":"10.1.2.0/24"},{"subnet":"2001:db8:1::/64"}]]}`, ""), wantErr: "invalid range set 0: mixed address families"},
		"overlap in a set":       {conf: conf("1.0.0", `{"ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"10.2.0.0/16"},{"subnet":"10.2.2.0/24"}]]}`, ""), wantErr: "invalid range set 1: subnets 10.2.0.1-10.2.255.254 and 10.2.2.1-10.2.2.254 overlap"},
		"overlap of sets":        {conf: conf("1.0.0", `{"subnet":"10.1.2.0/24","ranges":[[{"subnet":"10.1.0.0/16"}]]}`, ""), wantErr: "range set 0 overlaps with 1"},
		"no subnet":              {conf: conf("1.0.0", `{"ranges":[[{}]]}`, ""), wantErr: "invalid range set 0: IP <nil> not v4 nor v6"},
		"bad subnet":             {conf: conf("1.0.0", `{"ranges":[[{"subnet":"abc"}]]}`, ""), wantErr: "invalid CIDR address: abc"},
		"small subnet":           {conf: conf("1.0.0", `{"subnet":"10.0.0.0/31"}`, ""), wantErr: "invalid range set 0: Network 10.0.0.0/31 too small to allocate from"},
		"bad address":            {conf: conf("1.0.0", `{"subnet":"10.0.0.0/24","rangeStart":"abc"}`, ""), wantErr: "invalid IP address: abc"},
		"route":                  {conf: conf("1.0.0", `{"subnet":"10.1.2.0/24","routes":[{"dst":"0.0.0.0/0","table":-5}]}`, ""), wantErr: "routes[0] has table -5, which is not from 0 to 4294967295"},
		"empty requested":        {conf: conf("1.0.0", legacy, `,"args":{"cni":{"ips":[""]}}`), wantErr: "cannot understand ip: IP <nil> not v4 nor v6"},
		"null requested":         {conf: conf("1.0.0", legacy, `,"args":{"cni":{"ips":[null]}}`), wantErr: "cannot understand ip: IP <nil> not v4 nor v6"},
		"bad requested":          {conf: conf("1.0.0", legacy, `,"args":{"cni":{"ips":["x"]}}`), wantErr: "invalid IP address x"},
		"CNI_ARGS no pair":       {conf: conf("1.0.0", legacy, ""), args: "x", wantErr: `ARGS: invalid pair "x"`},
		"CNI_ARGS unknown":       {conf: conf("1.0.0", legacy, ""), args: "K=V", wantErr: `ARGS: unknown args ["K=V"]`},
		"CNI_ARGS list":          {conf: conf("1.0.0", legacy, ""), args: "IP=10.1.2.3,10.1.2.4", wantErr: `ARGS: error parsing value of pair "IP=10.1.2.3,10.1.2.4": invalid IP address 10.1.2.3,10.1.2.4`},
		"CNI_ARGS no boolean":    {conf: conf("1.0.0", legacy, ""), args: "IgnoreUnknown=yes", wantErr: `ARGS: error parsing value of pair "IgnoreUnknown=yes": boolean unmarshal error: invalid input yes`},
		"no JSON":                {conf: "{", wantErr: "unexpected end of JSON input"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			conf, version, err := LoadIPAMConfig([]byte(test.conf), test.args)
			if err != nil || test.wantErr != "" {
				if err == nil || err.Error() != test.wantErr {
					t.Errorf("got error %v, want %s", err, test.wantErr)
				}
				return
			}
			if got := text(conf); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if conf.Name != "mynet" || version == "" || conf.Range != nil {
				t.Errorf("name %q, version %q, old form %v", conf.Name, version, conf.Range)
			}
		})
	}
}

func FuzzLoadIPAMConfig(f *testing.F) {
	f.Add([]byte(`{"cniVersion":"0.2.0","name":"n","ipam":{"subnet":"10.0.0.0/8","ranges":[[{"subnet":"2000::/3"}]]}}`), "IP=10.0.0.1")
	f.Add([]byte(`{"ipam":{"ranges":[[{"subnet":"0.0.0.0/0","gateway":"::"}]]},"args":{"cni":{"ips":["::/0"]}}}`), "IgnoreUnknown=1;K=V")
	f.Add([]byte(`{"ipam":{"ranges":[[{"subnet":"255.255.255.0/24","rangeEnd":"255.255.255.255"}]]}}`), "")
	f.Fuzz(func(t *testing.T, conf []byte, args string) {
		c, _, err := LoadIPAMConfig(conf, args)
		if err != nil {
			return
		}
		for i := range c.Ranges {
			set := &c.Ranges[i]
			for j := range *set {
				r := &(*set)[j]
				if !set.Contains(r.RangeStart) || !set.Contains(r.RangeEnd) {
					t.Errorf("range %v does not contain its bounds", r)
				}
				for _, s := range set.segments(toAddr(r.RangeEnd)) {
					if s.hi.Less(s.lo) {
						t.Errorf("segment %v-%v", s.lo, s.hi)
					}
				}
			}
		}
	})
}
