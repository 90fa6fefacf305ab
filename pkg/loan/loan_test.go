package loan

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
)

var (
	one = owner.Attachment{Network: "net", ContainerID: "one", IfName: "eth0"}
	two = owner.Attachment{Network: "net", ContainerID: "two", IfName: "eth0"}
)

// The name of a record has both by which it is found.
func TestPath(t *testing.T) {
	l := Loan{Attachment: one, Device: &link.Origin{Name: "a@b"}}
	if got, want := l.path(), directory+"/"+one.Prefix()+"@a@b.json"; got != want || len(one.Prefix()) != owner.PrefixLen {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// site is a host with a device called nic, and a container.
type site struct {
	host, container *link.Namespace
	device          netlink.Link
}

// on runs f on a site with a network and a /run that nobody else sees.
func on(t *testing.T, f func(site) error) {
	t.Helper()
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and the thread ends with the goroutine
		done <- inside(f)
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func inside(f func(site) error) error {
	for _, err := range []error{
		unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWNET),
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("tmpfs", "/run", "tmpfs", 0, ""),
	} {
		if err != nil {
			return err
		}
	}
	host, err := link.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	netNS, err := ns.TempNetNS()
	if err != nil {
		return err
	}
	container, err := link.At(netNS)
	if err != nil {
		return err
	}
	defer container.Close()
	pair := netlink.NewVeth(netlink.NewLinkAttrs())
	pair.Name, pair.PeerName = "nic", "peer"
	if err := host.LinkAdd(pair); err != nil {
		return err
	}
	device, err := host.LinkByName("nic")
	if err != nil {
		return err
	}
	return f(site{host, container, device})
}

// lend lends the device to an attachment.
func (s site) lend(a owner.Attachment) (*Loan, error) {
	l, err := New(s.host, s.device, a, s.container.NetNS.Path())
	if err != nil {
		return nil, err
	}
	_, err = l.Begin(s.host, s.container)
	return l, err
}

// expect looks for the device on the host, and counts records.
func (s site) expect(back bool, records int) error {
	_, err := s.host.LinkByName("nic")
	if found := err == nil; found != back {
		return fmt.Errorf("on the host: %v, %w", found, err)
	}
	loans, err := All()
	if err != nil || len(loans) != records {
		return fmt.Errorf("records: %v, %w", loans, err)
	}
	return nil
}

// There is a record from before the device is moved until it is back.
func TestLoan(t *testing.T) {
	on(t, func(s site) error {
		l, err := s.lend(one)
		if err != nil {
			return err
		}
		if err := s.expect(false, 1); err != nil {
			return err
		}
		if loans, err := To(two); len(loans) != 0 || err != nil {
			return fmt.Errorf("to another: %v, %w", loans, err)
		}
		loans, err := To(one)
		if err != nil || len(loans) != 1 || loans[0].Device.Name != "nic" || loans[0].Netns != l.Netns {
			return fmt.Errorf("got %v, %w", loans, err)
		}
		return errors.Join(loans[0].End(s.host, nil), s.expect(true, 0), l.End(s.host, s.container))
	})
}

// Who cannot get the device has a record all the same, which goes.
func TestLoanFails(t *testing.T) {
	on(t, func(s site) error {
		if err := s.container.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "peer0"}); err != nil {
			return err
		}
		l, err := New(s.host, s.device, one, s.container.NetNS.Path())
		if err != nil {
			return err
		}
		if _, err := l.Begin(s.host, s.container); !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("got %w", err)
		}
		return errors.Join(s.expect(true, 1), l.End(s.host, s.container), s.expect(true, 0))
	})
}

// GC ends what the network's attachments have but for the valid ones.
func TestCollect(t *testing.T) {
	on(t, func(s site) error {
		if _, err := s.lend(one); err != nil {
			return err
		}
		return errors.Join(
			Collect(s.host, "other", nil), s.expect(false, 1),
			Collect(s.host, "net", []owner.Attachment{one}), s.expect(false, 1),
			Collect(s.host, "net", []owner.Attachment{two}), s.expect(true, 0),
		)
	})
}

// Without a record the alias is the name, if it can be one, of a device that nobody
// else has.
func TestEndUnrecorded(t *testing.T) {
	for name, test := range map[string]struct {
		alias string
		have  func(s site, l *Loan) error
		other bool // is meant
		back  bool
	}{
		"upstream's": {alias: "nic", back: true},
		"no alias":   {alias: ""},
		"not meant":  {alias: "nic", other: true},
		"no name":    {alias: "port 1"},
		"another's":  {alias: "nic", have: func(_ site, l *Loan) error { l.Attachment = two; return l.save() }},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(s site) error {
				l, err := s.lend(one)
				if err != nil {
					return err
				}
				if err := os.Remove(l.path()); err != nil {
					return err
				}
				records := 0
				if test.have != nil {
					if err := test.have(s, l); err != nil {
						return err
					}
					records = 1
				}
				lent, err := s.container.LinkByName("eth0")
				if err != nil {
					return err
				}
				isMeant := func(*Loan) bool { return !test.other }
				return errors.Join(
					s.container.LinkSetAlias(lent, test.alias),
					EndUnrecorded(s.host, s.container, one, isMeant), s.expect(test.back, records),
					EndUnrecorded(s.host, s.container, one, isMeant),
				)
			})
		})
	}
}
