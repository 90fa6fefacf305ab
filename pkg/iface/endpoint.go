package iface

import (
	"github.com/containernetworking/plugins/pkg/check"
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
// up, and waits until they work, if it has a carrier. The kernel tells the
// neighbours when the interface comes up: see ip.EnableAnnouncements.
func (e Endpoint) Configure(a *Attachment) error {
	return e.setUp().Apply(a, e.setUp().Config(a.Result))
}

// ExpectInterface describes the interface of such a plugin with its addresses
// and routes.
func (e Endpoint) ExpectInterface(a *Attachment, kind string) check.Expect {
	expected := a.Expect(kind)
	expected.Config = e.setUp().Config(a.Result)
	return expected
}

// Delete deletes such an interface, which is gone if its namespace is.
func (a *Attachment) Delete(kind string) error {
	if a.Container == nil {
		return nil
	}
	return a.Container.DeleteOwned(kind, a.Attachment)
}
