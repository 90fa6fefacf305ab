package firewall

import (
	"errors"
	"net"
	"path/filepath"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/chained"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Whoever looks for firewalld on a bus that says nothing keeps nobody else waiting.
func TestLookForFirewalldBesideOthers(t *testing.T) {
	for verb, call := range map[string]func(*Conf, *chained.Attachment) error{"ADD": (*Conf).Add, "DEL": (*Conf).Remove} {
		t.Run(verb, func(t *testing.T) { testBesideOthers(t, call) })
	}
}

func testBesideOthers(t *testing.T, call func(*Conf, *chained.Attachment) error) {
	socket := filepath.Join(t.TempDir(), "bus")
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+socket)
	bus, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	n := node.New(t)
	called := make(chan error, 1)
	go func() {
		called <- n.Do(func() error {
			a := &chained.Attachment{
				Attachment: owner.Attachment{Network: "net", ContainerID: "c", IfName: "eth0"},
				Args:       &plugin.CmdArgs{}, Result: &current.Result{}, Undo: func(func() error) {}, Context: t.Context(),
			}
			c := new(Conf)
			return errors.Join(c.Validate(), call(c, a))
		})
	}()
	asked, err := bus.Accept()
	if err != nil {
		t.Fatal(err)
	}
	leave := func() {
		asked.Close()
		bus.Close()
	}
	err = n.Do(func() error {
		s, err := openQueued(func() {
			t.Error("the lock is taken")
			leave()
		})
		if err == nil {
			s.close()
		}
		return err
	})
	leave()
	if err := errors.Join(err, <-called); err != nil {
		t.Error(err)
	}
}
