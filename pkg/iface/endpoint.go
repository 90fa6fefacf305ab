package iface

import (
	"fmt"
	"os"

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
// up, waits until they work, if it has a carrier, and tells the neighbours: of
// IPv4 addresses the kernel does so itself when the interface comes up. What they
// do not hear now, they find out when they need it.
func (e Endpoint) Configure(a *Attachment) error {
	config := e.setUp().Config(a.Result)
	if err := e.setUp().Apply(a, config); err != nil {
		return err
	}
	if err := config.AnnounceIPv6(a.Container, a.link); err != nil {
		fmt.Fprintf(os.Stderr, "go on: %v\n", err)
	}
	return nil
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
