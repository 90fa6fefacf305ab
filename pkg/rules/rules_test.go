package rules

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/spoof"
)

var records = Records{Plugin: "unit-test", Restrict: spoof.Repair}

var (
	one     = owner.Attachment{Network: "net", ContainerID: "one", IfName: "eth0"}
	two     = owner.Attachment{Network: "net", ContainerID: "two", IfName: "eth0"}
	foreign = owner.Attachment{Network: "other", ContainerID: "one", IfName: "eth0"}
)

// onHost runs f on a host of its own: a network and a /run that nobody else sees.
func onHost(t testing.TB, f func() error) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWNET)
		if err == nil {
			err = errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("tmpfs", "/run", "tmpfs", 0, ""))
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func addresses() []*net.IPNet {
	return []*net.IPNet{
		{IP: net.IPv4(10, 1, 2, 3).To4(), Mask: net.CIDRMask(24, 32)},
		{IP: net.ParseIP("fd00::3"), Mask: net.CIDRMask(64, 128)},
	}
}

func recordOf(a owner.Attachment) Record {
	backend := "nftables"
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	return New(a, "veth0", mac, nat.Conf{IPMasq: nat.Families{IPv4: true}, IPMasqBackend: &backend}, spoof.Conf{MACSpoofChk: true})
}

func forget(a owner.Attachment) error {
	_, err := records.forget(a.Prefix())
	return err
}

func collect(valid ...owner.Attachment) error {
	_, err := records.collect("net", valid)
	return err
}

// A record is there as long as it is needed, and says what it was made from.
func TestRecords(t *testing.T) {
	t.Parallel()
	onHost(t, func() error {
		none := Record{Attachment: two}
		if err := errors.Join(forget(one), records.Keep(none, addresses()), collect(), records.Repair()); err != nil {
			return err
		}
		if _, err := os.Stat(records.directory()); err == nil {
			return errors.New("there is a directory without need")
		}
		for _, a := range []owner.Attachment{one, two, foreign} {
			// First there are no addresses yet.
			if err := errors.Join(records.Keep(recordOf(a), nil), records.Keep(recordOf(a), addresses())); err != nil {
				return err
			}
		}
		var got Record
		if found, err := record.Read(records.path(one.Prefix()), &got); !found || err != nil {
			return fmt.Errorf("found %v: %w", found, err)
		}
		want := recordOf(one)
		want.Addresses = []string{"10.1.2.3/24", "fd00::3/64"}
		if diff := cmp.Diff(fmt.Sprint(want.masquerade.Masqueraded(one, addresses()), want.Addresses, want.Link, want.MAC, want.antiSpoofing),
			fmt.Sprint(got.masquerade.Masqueraded(one, got.networks()), got.Addresses, got.Link, got.MAC, got.antiSpoofing)); diff != "" {
			return errors.New("record (-want +got):\n" + diff)
		}
		return left(func() error { return collect(one) }, one, foreign)
	})
}

// left expects the records of the attachments alone after f.
func left(f func() error, want ...owner.Attachment) error {
	if err := f(); err != nil {
		return err
	}
	names, err := records.prefixes()
	if err != nil || len(names) != len(want) {
		return fmt.Errorf("left: %q, %w", names, err)
	}
	for i, a := range want {
		if names[i] != a.Prefix() {
			return fmt.Errorf("left: %q", names)
		}
	}
	return nil
}

// A link with the owner's tag says that the container is there, none that it is gone, and
// one with another's tag nothing.
func TestFate(t *testing.T) {
	t.Parallel()
	onHost(t, func() error {
		if err := errors.Join(records.Keep(recordOf(one), addresses()), records.Keep(recordOf(two), addresses())); err != nil {
			return err
		}
		host, err := link.Host()
		if err != nil {
			return err
		}
		defer host.Close()
		// Somebody may write anything there.
		if err := os.WriteFile(records.path(foreign.Prefix()), []byte("{"), 0o600); err != nil {
			return err
		}
		expect := func(want map[fate]int) error {
			all, err := records.all(host)
			if err != nil || len(all[alive]) != want[alive] || len(all[gone]) != want[gone] || len(all[unknown]) != want[unknown] {
				return fmt.Errorf("want %v, got %v, %w", want, all, err)
			}
			return nil
		}
		if err := expect(map[fate]int{gone: 2}); err != nil {
			return err
		}
		if _, _, err := link.AddVeth(host, host, link.Veth{Name: "inside", HostName: "veth0"}); err != nil {
			return err
		}
		if err := expect(map[fate]int{unknown: 2}); err != nil {
			return err
		}
		l, err := host.LinkByName("veth0")
		if err != nil {
			return err
		}
		if err := host.LinkSetAlias(l, one.Tag()); err != nil {
			return err
		}
		if err := expect(map[fate]int{alive: 1, unknown: 1}); err != nil {
			return err
		}
		if err := host.LinkSetName(l, "renamed"); err != nil {
			return err
		}
		all, err := records.all(host)
		if len(all[alive]) != 1 || all[alive][0].Link != "renamed" {
			return fmt.Errorf("renamed: %v, %w", all, err)
		}
		return expect(map[fate]int{alive: 1, gone: 1})
	})
}

// An ADD that goes on, or begins anew, while a repair runs keeps what it makes.
func TestKeepBesideRepair(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	checked := spoof.Conf{IPSpoofChk: true}
	restrictive := func(a owner.Attachment) Record { return New(a, "veth"+a.ContainerID, mac, nat.Conf{}, checked) }
	port := func(a owner.Attachment, addresses []*net.IPNet) spoof.Port {
		return checked.Port("veth"+a.ContainerID, mac, addresses)
	}
	begin := func(a owner.Attachment) error {
		host, err := link.Host()
		if err != nil {
			return err
		}
		defer host.Close()
		_, _, err = link.AddVeth(host, host, link.Veth{Name: "inside" + a.ContainerID, HostName: "veth" + a.ContainerID})
		if err != nil {
			return err
		}
		l, err := host.LinkByName("veth" + a.ContainerID)
		if err != nil {
			return err
		}
		return errors.Join(host.LinkSetAlias(l, a.Tag()), records.Keep(restrictive(a), nil), spoof.Add(a, port(a, nil)))
	}
	goOn := func(a owner.Attachment) error {
		return errors.Join(records.Keep(restrictive(a), addresses()), spoof.Allow(a, addresses()))
	}
	added := make(chan error, 1)
	beside := records
	beside.Release = spoof.Del
	beside.Restrict = func(all []spoof.Restricted) error {
		adding := make(chan error, 1)
		go func() {
			adding <- n.Do(func() error { return errors.Join(goOn(one), begin(two), goOn(two)) })
		}()
		select {
		case err := <-adding:
			added <- err
		case <-time.After(200 * time.Millisecond): // it waits
			go func() { added <- <-adding }()
		}
		return spoof.Repair(all)
	}
	err := n.Do(func() error {
		// The second one is gone, without a DEL.
		err := errors.Join(begin(one), records.Keep(restrictive(two), addresses()), spoof.Add(two, port(two, addresses())))
		if err != nil {
			return err
		}
		if err := errors.Join(beside.Repair(), <-added); err != nil {
			return err
		}
		return left(func() error {
			return errors.Join(spoof.Check(one, port(one, addresses())), spoof.Check(two, port(two, addresses())))
		}, one, two)
	})
	if err != nil {
		t.Error(err)
	}
}

// What a record costs an ADD and a DEL.
func BenchmarkRecord(b *testing.B) {
	onHost(b, func() error {
		var errs []error
		for b.Loop() {
			errs = append(errs, records.Keep(recordOf(one), addresses()), forget(one))
		}
		return errors.Join(errs...)
	})
}
