package daemon

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
)

// The watcher hears what happens to a link in another namespace, and that the
// namespace ends, though it keeps it open no longer.
func TestWatcher(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	host, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	_ = host.Do(func(ns.NetNS) error { testWatcher(t); return nil })
}

func testWatcher(t *testing.T) {
	w, err := newWatcher()
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan event, 1000)
	go w.run(func(e event) { heard <- e })
	defer w.close()
	inner, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	n, err := link.At(inner)
	if err != nil {
		t.Fatal(err)
	}
	nsid, err := number(n)
	if err != nil {
		t.Fatal(err)
	}
	await := func(what string, is func(event) bool) event {
		t.Helper()
		timeout := time.After(30 * time.Second) // namespaces of the whole machine end one after the other
		for {
			select {
			case e := <-heard:
				if is(e) {
					return e
				}
			case <-timeout:
				t.Fatal("not heard of: " + what)
			}
		}
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "dhcptest0"
	if err := n.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "dhcptest1"}); err != nil {
		t.Fatal(err)
	}
	born := await("a new link", func(e event) bool { return e.nsid == nsid && e.name == "dhcptest0" })
	if born.running {
		t.Errorf("%+v is running", born)
	}
	for i := range 2 {
		l, err := n.LinkByName(fmt.Sprint("dhcptest", i))
		if err != nil {
			t.Fatal(err)
		}
		if err := n.LinkSetUp(l); err != nil {
			t.Fatal(err)
		}
	}
	// Until the kernel has seen that there is no carrier, it may say that a new link is running.
	await("a link that is up and has a carrier", func(e event) bool {
		return e.place == born.place && e.running && e.changes != born.changes
	})
	n.Close()
	await("the end of the namespace", func(e event) bool { return e.kind == unix.RTM_DELNSID && e.nsid == nsid })
}
