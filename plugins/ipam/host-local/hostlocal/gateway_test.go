package hostlocal_test

import (
	"bytes"
	"testing"
)

// A gateway outside the subnet is a next hop on the link, as where a provider routes
// single addresses: all verbs take it, and ADD says so.
func TestGatewayOutside(t *testing.T) {
	t.Parallel()
	c := call{id: "a", conf: conf("1.1.0", t.TempDir(), `"ranges":[
		[{"subnet":"10.1.2.0/24","gateway":"169.254.1.1"},{"subnet":"10.1.3.0/24","gateway":"10.1.3.9"}],
		[{"subnet":"2001:db8::/64","gateway":"fe80::1"}]]`)}
	for _, test := range []struct{ verb, want string }{
		{"ADD", "gateway 169.254.1.1 is not in network 10.1.2.0/24: it has to be on the link\n" +
			"gateway fe80::1 is not in network 2001:db8::/64: it has to be on the link\n"},
		{"CHECK", ""}, {"STATUS", ""}, {"DEL", ""},
	} {
		c.verb = test.verb
		cmd := c.command()
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v: %s", test.verb, err, &stdout)
		}
		if got := stderr.String(); got != test.want {
			t.Errorf("%s says %q, want %q", test.verb, got, test.want)
		}
		if test.verb == "ADD" && !bytes.Contains(stdout.Bytes(), []byte(`"gateway": "169.254.1.1"`)) {
			t.Errorf("the result lacks the gateway: %s", &stdout)
		}
	}
}
