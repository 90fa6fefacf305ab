package nat_test

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
)

// Beside so many attachments.
var populations = []int{0, 5000}

func BenchmarkAddDel(b *testing.B) {
	for _, backend := range backends {
		for _, n := range populations {
			b.Run(fmt.Sprintf("%s/%d", backend, n), func(b *testing.B) {
				within(b, func() error { return benchmark(b, backend, n) })
			})
		}
	}
}

func benchmark(b *testing.B, backend string, population int) error {
	m := mustOpen(backend)
	if err := populate(m, backend, population); err != nil {
		return err
	}
	var errs []error
	var add, del time.Duration
	for b.Loop() {
		before := b.Elapsed()
		errs = append(errs, m.Add(one, cidrs("10.77.0.5/16"), nat.Options{}))
		middle := b.Elapsed()
		errs = append(errs, nat.Del(one))
		add, del = add+middle-before, del+b.Elapsed()-middle
	}
	b.ReportMetric(float64(add.Microseconds())/float64(b.N), "µs/ADD")
	b.ReportMetric(float64(del.Microseconds())/float64(b.N), "µs/DEL")
	return errors.Join(errs...)
}

func populate(m nat.Masquerade, backend string, population int) error {
	var rules strings.Builder
	for i := range population {
		a := owner.Attachment{Network: "crowd", ContainerID: fmt.Sprint(i), IfName: "eth0"}
		ip := fmt.Sprintf("10.77.%d.%d", 1+i/250, 1+i%250)
		if backend == "nftables" {
			if err := m.Add(a, cidrs(ip+"/16"), nat.Options{}); err != nil {
				return err
			}
			continue
		}
		chain, comment := a.ChainName(""), fmt.Sprintf("-m comment --comment %q", a.Comment())
		fmt.Fprintf(&rules, "-N %s\n-A %s -d 10.77.0.0/16 %s -j ACCEPT\n-A %s ! -d 224.0.0.0/4 %s -j MASQUERADE\n-A POSTROUTING -s %s %s -j %s\n",
			chain, chain, comment, chain, comment, ip, comment, chain)
	}
	if rules.Len() == 0 {
		return nil
	}
	cmd := exec.Command("iptables-restore", "--noflush")
	cmd.Stdin = strings.NewReader("*nat\n" + rules.String() + "COMMIT\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("populate iptables: %w: %s", err, out)
	}
	return nil
}

// What the first packet of a flow costs, from the container's write until it is on its way out,
// beside how many networks are excluded. It goes to none of them, which is the longest way. The
// fastest thousand flows tell most on a machine that does other things.
func BenchmarkFirstPacket(b *testing.B) {
	for _, backend := range backends {
		for _, n := range []int{0, 1, 10, 100, 500} {
			for family, target := range map[string]string{"IPv4": "192.0.2.2", "IPv6": "2001:db8::2"} {
				b.Run(fmt.Sprintf("%s/%s/%d", backend, family, n), func(b *testing.B) {
					within(b, func() error { return firstPackets(b, mustOpen(backend), n, target) })
				})
			}
		}
	}
}

func firstPackets(b *testing.B, m nat.Masquerade, n int, target string) error {
	container, outside, err := route()
	if err != nil {
		return err
	}
	defer container.Close()
	defer outside.Close()
	if err := m.Add(one, cidrs("10.88.0.5/16", "fd00:88::5/64"), nat.Options{Exclude: manyNetworks(n)}); err != nil {
		return err
	}
	return container.Do(func(ns.NetNS) error {
		to := &net.UDPAddr{IP: net.ParseIP(target)}
		network := map[bool]string{true: "udp4", false: "udp6"}[to.IP.To4() != nil]
		socket, err := net.ListenUDP(network, nil)
		if err != nil {
			return err
		}
		defer socket.Close()
		fastest := time.Duration(math.MaxInt64)
		for b.Loop() { // a thousand flows
			start := time.Now()
			for range 1000 {
				to.Port = to.Port%65535 + 1
				if _, err := socket.WriteToUDP([]byte("first"), to); err != nil {
					return err
				}
			}
			fastest = min(fastest, time.Since(start))
		}
		b.ReportMetric(float64(fastest.Nanoseconds())/1e6, "µs/flow,fastest")
		return nil
	})
}
