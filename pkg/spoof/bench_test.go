package spoof_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/spoof"
)

// Beside so many attachments.
var populations = []int{0, 5000}

func BenchmarkAddDel(b *testing.B) {
	for _, n := range populations {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			within(b, func() error { return benchmark(b, n) })
		})
	}
}

func benchmark(b *testing.B, population int) error {
	if err := populate(population); err != nil {
		return err
	}
	var errs []error
	var macOnly, strict, removal time.Duration
	for b.Loop() {
		start := b.Elapsed()
		errs = append(errs, spoof.Add(one, spoof.Port{Name: "veth1", MAC: mac(1)}))
		added := b.Elapsed()
		errs = append(errs, spoof.Del(one))
		deleted := b.Elapsed()
		errs = append(errs,
			spoof.Add(one, spoof.Port{Name: "veth1", MAC: mac(1), Addresses: cidrs()}),
			spoof.Allow(one, ownAddresses))
		macOnly, removal, strict = macOnly+added-start, removal+deleted-added, strict+b.Elapsed()-deleted
		errs = append(errs, spoof.Del(one))
	}
	b.ReportMetric(float64(macOnly.Microseconds())/float64(b.N), "µs/ADD")
	b.ReportMetric(float64(strict.Microseconds())/float64(b.N), "µs/ADD-with-addresses")
	b.ReportMetric(float64(removal.Microseconds())/float64(b.N), "µs/DEL")
	return errors.Join(errs...)
}

func populate(population int) error {
	for i := range population {
		a := owner.Attachment{Network: "crowd", ContainerID: fmt.Sprint(i), IfName: "eth0"}
		p := spoof.Port{Name: fmt.Sprint("port", i), MAC: mac(i), Addresses: cidrs(fmt.Sprintf("10.77.%d.%d/16", 1+i/250, 1+i%250))}
		if err := spoof.Add(a, p); err != nil {
			return err
		}
	}
	return nil
}
