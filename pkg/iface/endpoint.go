package iface

import (
	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/ip"
)

// Endpoint is how plugins address an interface that is all they make: nothing
// else on the host takes part. A Driver embeds it beside Conf.
type Endpoint struct {
	// EnableDAD makes the kernel look whether the interface's IPv6 addresses are
	// in use (RFC 4862, section 5.4), and ADD wait for that, 1 to 2 s.
	EnableDAD bool `json:"enabledad"`
}

func (e Endpoint) setUp() SetUp { return SetUp{Detect: e.EnableDAD} }

// Prepare makes the settings of the interface, which Create has made and
// reported.
func (e Endpoint) Prepare(a *Attachment, hasIPAM bool) error { return e.setUp().Prepare(a, hasIPAM) }

// Configure gives the interface the addresses and routes of the result, sets it
// up, waits until they work, if it has a carrier, and tells the neighbours.
func (e Endpoint) Configure(a *Attachment) error {
	if err := e.setUp().Apply(a, e.setUp().Config(a.Result)); err != nil {
		return err
	}
	if len(a.Result.IPs) == 0 {
		return nil
	}
	return ip.Announce(a.Container, a.link)
}

// ExpectInterface describes the interface of such a plugin with its addresses
// and routes.
func (e Endpoint) ExpectInterface(a *Attachment, kind string) check.Expect {
	expected := a.Expect(kind)
	expected.Config = e.setUp().Config(a.Result)
	return expected
}
