package bandwidth

import (
	"encoding/json"
	"math"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// conf reads and checks a configuration with the keys.
func conf(keys string) (*Conf, error) {
	c := new(Conf)
	if err := json.Unmarshal([]byte("{"+keys+"}"), c); err != nil {
		return nil, err
	}
	return c, c.Validate()
}

func TestConf(t *testing.T) {
	t.Parallel()
	const runtime = `"runtimeConfig": {"bandwidth": {"ingressRate": 800, "ingressBurst": 80, "egressRate": 1600, "egressBurst": 160}}`
	small, large := newBucket(100, 10, 25), newBucket(200, 20, 25)
	for _, test := range []struct {
		keys            string
		ingress, egress *bucket
	}{
		{"", nil, nil},
		{`"runtimeConfig": null`, nil, nil},
		{`"runtimeConfig": {"bandwidth": null}`, nil, nil},
		{runtime, small, large},
		{strings.NewReplacer("runtimeConfig", "RuntimeConfig", "bandwidth", "bandWidth").Replace(runtime), small, large},
		{`"ingressRate": 800, "ingressBurst": 80`, small, nil},
		{`"egressRate": 1600, "egressBurst": 160, ` + runtime, nil, large},
		{`"egressBurst": 0, ` + runtime, nil, nil},
		{`"latency": 0, "defaultBurst": 0, ` + runtime, small, large},
		{`"latency": 50, ` + runtime, newBucket(100, 10, 50), newBucket(200, 20, 50)},
		{`"defaultBurst": 80, "ingressRate": 800, "egressRate": 1600, "egressBurst": 160`, small, large},
		{`"maxBurst": 10, "ingressRate": 800, "ingressBurst": 34359738352, "egressRate": 1600, "egressBurst": 80`, small, newBucket(200, 10, 25)},
		{`"maxBurst": "auto", "ingressRate": 800, "ingressBurst": 80, "egressRate": 1600, "egressBurst": 4294967295`, small, newBucket(200, 16384, 25)},
		{`"ingressRate": 8, "ingressBurst": 34359738352`, newBucket(1, math.MaxUint32-1, 25), nil},
	} {
		c, err := conf(test.keys)
		if err != nil {
			t.Errorf("%s: %v", test.keys, err)
			continue
		}
		got, want := []*bucket{c.ingress, c.egress}, []*bucket{test.ingress, test.egress}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(bucket{}, scope{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.keys, diff)
		}
	}
}

// What a network says of subnets holds for the runtime's limits, unless the runtime says something
// itself. What the container receives comes from there, what it sends goes there.
func TestSubnets(t *testing.T) {
	t.Parallel()
	const limits = `"ingressRate": 800, "ingressBurst": 80, "egressRate": 1600, "egressBurst": 160`
	network := func(text string) []*net.IPNet {
		_, n, _ := net.ParseCIDR(text)
		return []*net.IPNet{n}
	}
	for keys, want := range map[string]scope{
		limits + `, "shapedSubnets": []`:                                                                                 {},
		limits + `, "shapedSubnets": ["192.0.2.9/24"], "unshapedSubnets": []`:                                            {networks: network("192.0.2.0/24"), only: true},
		limits + `, "unshapedSubnets": ["2001:db8::/32"]`:                                                                {networks: network("2001:db8::/32")},
		`"unshapedSubnets": ["10.0.0.0/8"], "runtimeConfig": {"bandwidth": {` + limits + `}}`:                            {networks: network("10.0.0.0/8")},
		`"unshapedSubnets": ["10.0.0.0/8"], "runtimeConfig": {"bandwidth": {"shapedSubnets": ["::/0"], ` + limits + `}}`: {networks: network("::/0"), only: true},
		limits + `, "runtimeConfig": {"bandwidth": {"shapedSubnets": ["::/0"]}}`:                                         {},
	} {
		c, err := conf(keys)
		if err != nil {
			t.Errorf("%s: %v", keys, err)
			continue
		}
		got := []scope{c.ingress.scope, c.egress.scope}
		if diff := cmp.Diff([]scope{want.by(source), want.by(destination)}, got, cmp.AllowUnexported(scope{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", keys, diff)
		}
	}
}

func TestInvalidConf(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]string{
		`"ingressRate": 0, "ingressBurst": 123`:                        "if burst is set, rate must also be set",
		`"egressBurst": 1`:                                             "if burst is set, rate must also be set",
		`"egressRate": 1`:                                              "if rate is set, burst must also be set",
		`"runtimeConfig": {"bandwidth": {"ingressRate": 8}}`:           "if rate is set, burst must also be set",
		`"ingressRate": 7, "ingressBurst": 8`:                          "rate cannot be less than 8 bit/s",
		`"ingressRate": 8, "ingressBurst": 7`:                          "burst cannot be less than 8 bits",
		`"egressRate": 8, "egressBurst": 34359738360`:                  "burst cannot be more than 4GB",
		`"egressRate": 8, "egressBurst": 34359738368`:                  "burst cannot be more than 4GB",
		`"defaultBurst": 7`:                                            "defaultBurst: burst cannot be less than 8 bits",
		`"defaultBurst": 34359738368`:                                  "defaultBurst: burst cannot be more than 4GB",
		`"latency": 10001`:                                             "latency cannot be more than 10000 ms",
		`"discipline": "sfq"`:                                          `discipline "sfq" is unknown: there are ["fq_codel" "cake"]`,
		`"shapedSubnets": ["::/0"], "unshapedSubnets": ["10.0.0.0/8"]`: "shapedSubnets and unshapedSubnets exclude each other",
		`"unshapedSubnets": ["10.0.0.1"]`:                              `shapedSubnets, unshapedSubnets: "10.0.0.1" is no network in CIDR notation`,
		`"shapedSubnets": [""` + strings.Repeat(`, ""`, 1000) + `]`:    "there cannot be more than 1000 shapedSubnets or unshapedSubnets",
		`"maxBurst": "soon"`:                                           `maxBurst is a number of bytes below 4GB, a text with a time up to 1s, such as "20ms", or "auto"`,
		`"ingressRate": -1`:                                            "json: cannot unmarshal number -1 into Go struct field Conf.Limits.ingressRate of type uint64",
		`"runtimeConfig": {"bandwidth": {"ingressRate": 8.5}}`:         "json: cannot unmarshal number 8.5 into Go struct field Asked.runtimeConfig.bandwidth.Limits.ingressRate of type uint64",
	} {
		if _, err := conf(keys); err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", keys, err, want)
		}
	}
}

// Whatever the configuration, there is no panic, and what is valid the kernel can
// take: it refuses zeros.
func FuzzConf(f *testing.F) {
	f.Add(`{"ingressRate": 18446744073709551615, "ingressBurst": 8, "latency": 10000}`)
	f.Add(`{"runtimeConfig": {"bandwidth": {"egressRate": 8, "egressBurst": 34359738352}}, "defaultBurst": 9}`)
	f.Fuzz(func(t *testing.T, text string) {
		var c Conf
		if json.Unmarshal([]byte(text), &c) != nil || c.Validate() != nil {
			return
		}
		for _, b := range []*bucket{c.ingress, c.egress} {
			if b == nil {
				continue
			}
			if want := b.tbf(); want.rate == 0 || want.limit == 0 || want.buffer == 0 {
				t.Errorf("%s: %+v", text, want)
			}
		}
	})
}
