package tuning

import (
	"regexp"
	"strings"
	"testing"
)

func TestAllowList(t *testing.T) {
	const other = `^net\.ipv4\.conf\.other\.[a-z_]*$`
	for _, test := range []struct {
		list, name, path string
		want             string
	}{
		{other, "net.ipv4.conf.other.log_martians", "net/ipv4/conf/other/log_martians", ""},
		{other, "net.ipv4.conf.all.log_martians", "net/ipv4/conf/all/log_martians", "Sysctl net.ipv4.conf.all.log_martians is not allowed. Only the following sysctls are allowed: [" + other + "]"},
		{"\n  a  \r\n\n b", "c", "c", "Sysctl c is not allowed. Only the following sysctls are allowed: [a b]"},
		{"", "net.a", "net/a", "Sysctl net.a is not allowed. Only the following sysctls are allowed: []"},
		// however it is written
		{other, "net/ipv4/conf/other/log_martians", "net/ipv4/conf/other/log_martians", ""},
		{other, "net.ipv4.conf.IFNAME.log_martians", "net/ipv4/conf/other/log_martians", ""},
		{`^net\.ipv4\.conf\.IFNAME\.`, "net.ipv4.conf.IFNAME.log_martians", "net/ipv4/conf/eth0/log_martians", ""},
		{`^net\.ipv4\.conf\.eth0/1\.`, "net/ipv4/conf/eth0.1/log_martians", "net/ipv4/conf/eth0.1/log_martians", ""},
	} {
		list, err := parseAllowList(test.list)
		if err != nil {
			t.Fatal(err)
		}
		err = list.check(test.name, test.path)
		if err == nil && test.want != "" || err != nil && err.Error() != test.want {
			t.Errorf("%s with %q:\ngot  %v\nwant %s", test.name, test.list, err, test.want)
		}
	}
	if err := allowList(nil).check("net.a", "net/a"); err != nil {
		t.Errorf("without a list: %v", err)
	}
	if _, err := parseAllowList("a\n("); err == nil {
		t.Error("a pattern that is none is taken")
	}
}

// Whatever is allowed matches a line of the list, and whatever is a name of a
// parameter stays below net.
func FuzzAllowList(f *testing.F) {
	f.Add("^net\\.ipv4\\.\n\n  core ", "net.ipv4.conf.IFNAME.forwarding", "eth0.1")
	f.Add("(", "net/core/somaxconn", "a")
	f.Add("", "net/../kernel/x", "eth0")
	f.Add(".", "net.IFNAME.x", "..")
	f.Fuzz(func(t *testing.T, text, name, ifName string) {
		names := sysctls{list: []sysctl{{Name: name}}}
		if validateName(ifName) != nil || names.validate() != nil {
			return
		}
		path := resolve(name, ifName)
		if !strings.HasPrefix(path, "net/") || strings.Contains("/"+path+"/", "/../") {
			t.Fatalf("%q for %q is %q", name, ifName, path)
		}
		list, err := parseAllowList(text)
		if err != nil {
			return
		}
		matches := false
		for _, line := range strings.Split(text, "\n") {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			pattern := regexp.MustCompile(line)
			matches = matches || pattern.MatchString(name) || pattern.MatchString(dotted(path))
		}
		if err := list.check(name, path); (err == nil) != matches {
			t.Errorf("%q with %q: %v", name, text, err)
		}
	})
}

// A configuration that is valid wants what can be written down and read again.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"sysctl": {"net.ipv4.ip_forward": "1"}, "mtu": 1400, "args": {"cni": {"sysctl": {"net/a.b": ""}}}}`), "MAC=02:00:00:00:00:01")
	f.Add([]byte(`{"args": {"cni": {"offloads": {"tso": false}, "txQLen": 0}}}`), "IgnoreUnknown=1;X=2")
	f.Add([]byte(`{"sysctl": null, "args": null, "allmulti": null}`), "")
	f.Fuzz(func(t *testing.T, text []byte, args string) {
		c, err := conf(strings.TrimSuffix(strings.TrimPrefix(string(text), "{"), "}"))
		if err != nil {
			return
		}
		want, err := c.wanted(args)
		if err != nil {
			return
		}
		d := directory(t.TempDir())
		b := &backup{settings: want}
		if err := d.save(b); err != nil {
			t.Fatal(err)
		}
		have, err := d.load(b.Attachment, b.identity)
		if err != nil || have == nil || !have.attributes.equal(want.attributes) || len(have.Sysctls) != len(want.Sysctls) || len(have.Offloads) != len(want.Offloads) {
			t.Errorf("%+v is read as %+v: %v", want, have, err)
		}
	})
}
