package nat_test

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
)

var backends = []string{"nftables", "iptables"}

// A host that has no route back to the container answers it once masqueraded,
// and not after.
func TestTraffic(t *testing.T) {
	for _, backend := range backends {
		for _, o := range []nat.Options{{}, {RandomFully: true}} {
			t.Run(fmt.Sprint(backend, o), func(t *testing.T) {
				t.Parallel()
				within(t, func() error { return testTraffic(mustOpen(backend), o) })
			})
		}
	}
}

// route makes a container and a host elsewhere, between which the namespace of the thread
// forwards.
func route() (container, outside ns.NetNS, err error) {
	if container, err = ns.TempNetNS(); err != nil {
		return nil, nil, err
	}
	if outside, err = ns.TempNetNS(); err != nil {
		return nil, nil, err
	}
	return container, outside, errors.Join(
		connect(container, "10.88.0.1/16", "10.88.0.5/16", "fd00:88::1/64", "fd00:88::5/64"),
		connect(outside, "192.0.2.1/24", "192.0.2.2/24", "2001:db8::1/64", "2001:db8::2/64"),
		container.Do(func(ns.NetNS) error {
			return each([]string{"ip route add default via 10.88.0.1", "ip route add default via fd00:88::1"})
		}),
		each([]string{"sysctl -qw net.ipv4.ip_forward=1", "sysctl -qw net.ipv6.conf.all.forwarding=1"}),
	)
}

func testTraffic(m nat.Masquerade, o nat.Options) error {
	container, outside, err := route()
	if err != nil {
		return err
	}
	defer container.Close()
	defer outside.Close()
	ping := func(address string, wait string) bool {
		return container.Do(func(ns.NetNS) error {
			return exec.Command("ping", wait, "-i0.2", "-c1", address).Run()
		}) == nil
	}
	const briefly, patiently = "-W0.3", "-w5"
	addresses := cidrs("10.88.0.5/16", "fd00:88::5/64")
	if ping("192.0.2.2", briefly) || ping("2001:db8::2", briefly) {
		return errors.New("the outside answers before ADD")
	}
	if err := m.Add(one, addresses, o); err != nil {
		return err
	}
	if !ping("192.0.2.2", patiently) || !ping("2001:db8::2", patiently) {
		return errors.New("the outside does not answer after ADD")
	}
	if err := m.Del(one); err != nil {
		return err
	}
	if ping("192.0.2.2", briefly) || ping("2001:db8::2", briefly) {
		return errors.New("the outside still answers after DEL")
	}
	return nil
}

// connect makes a veth pair between the namespace of the thread and another one.
func connect(other ns.NetNS, near4, far4, near6, far6 string) error {
	name := fmt.Sprintf("v%d", other.Fd())
	err := each([]string{
		"ip link add " + name + " type veth peer name eth0 netns " + other.Path(),
		"ip addr add " + near4 + " dev " + name,
		"ip addr add " + near6 + " nodad dev " + name,
		"ip link set " + name + " up",
	})
	return errors.Join(err, other.Do(func(ns.NetNS) error {
		return each([]string{
			"ip addr add " + far4 + " dev eth0",
			"ip addr add " + far6 + " nodad dev eth0",
			"ip link set eth0 up",
		})
	}))
}

func each(commands []string) error {
	for _, c := range commands {
		if _, err := run("sh", "-c", c); err != nil {
			return err
		}
	}
	return nil
}

// A hundred attachments come and go at once, without an error and without a
// trace.
func TestParallel(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			err := n.Do(func() error {
				m := mustOpen(backend)
				all := func(f func(owner.Attachment, []*net.IPNet) error) error {
					errs := make([]error, 100)
					var running sync.WaitGroup
					for i := range errs {
						running.Go(func() {
							a := owner.Attachment{Network: "unit-test", ContainerID: fmt.Sprint(i), IfName: "eth0"}
							address := cidrs(fmt.Sprintf("10.%d.0.%d/24", i%7, i+2))
							errs[i] = n.Do(func() error { return f(a, address) })
						})
					}
					running.Wait()
					return errors.Join(errs...)
				}
				err := errors.Join(
					all(func(a owner.Attachment, n []*net.IPNet) error { return m.Add(a, n, nat.Options{}) }),
					all(func(a owner.Attachment, n []*net.IPNet) error { return m.Check(a, n, nat.Options{}) }),
					all(func(a owner.Attachment, _ []*net.IPNet) error { return m.Del(a) }),
					// And while others do the contrary.
					all(func(a owner.Attachment, n []*net.IPNet) error {
						return errors.Join(m.Add(a, n, nat.Options{}), m.Check(a, n, nat.Options{}), m.Del(a))
					}),
				)
				if err != nil {
					return err
				}
				if backend == "iptables" {
					return expectEmptyIPv4()
				}
				have, err := ruleset()
				return expect("after DEL", skeleton, have, err)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestGC(t *testing.T) {
	secondInterface := one
	secondInterface.IfName = "net1"
	addresses := map[owner.Attachment]string{
		one: "10.88.0.5/16", secondInterface: "10.88.0.6/16", two: "10.88.0.7/16", other: "10.99.0.5/16",
	}
	for _, backend := range backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			within(t, func() error {
				m := mustOpen(backend)
				for a, address := range addresses {
					if err := m.Add(a, cidrs(address), nat.Options{}); err != nil {
						return err
					}
				}
				steps := []struct {
					network string
					valid   []owner.Attachment
					left    []owner.Attachment
				}{
					{"unit-test", []owner.Attachment{one, secondInterface, two}, []owner.Attachment{one, secondInterface, two, other}},
					{"nothing", nil, []owner.Attachment{one, secondInterface, two, other}},
					{"unit-test", []owner.Attachment{one}, []owner.Attachment{one, other}},
					{"unit-test", nil, []owner.Attachment{other}},
					{"alternate", nil, nil},
				}
				for i, step := range steps {
					if err := nat.GC(step.network, step.valid); err != nil {
						return err
					}
					left := map[owner.Attachment]bool{}
					for _, a := range step.left {
						left[a] = true
					}
					for a, address := range addresses {
						if err := m.Check(a, cidrs(address), nat.Options{}); (err == nil) != left[a] {
							return fmt.Errorf("GC %d: CHECK of %v: %v", i, a, err)
						}
					}
				}
				if backend == "iptables" {
					return expectEmptyIPv4()
				}
				have, err := ruleset()
				return expect("after GC", skeleton, have, err)
			})
		})
	}
}

// Nothing is made by looking.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		err := errors.Join(nat.Del(one), nat.GC("unit-test", nil))
		for _, backend := range backends {
			if mustOpen(backend).Check(one, cidrs("10.88.0.5/16"), nat.Options{}) == nil {
				err = errors.Join(err, fmt.Errorf("%s: CHECK finds what nobody made", backend))
			}
		}
		have, dumpErr := ruleset()
		return errors.Join(err, expect("ruleset", "", have, dumpErr))
	})
}
