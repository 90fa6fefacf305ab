package disk

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

// fill makes a network with n leases, 10.0.0.0 and up, without an index.
func fill(tb testing.TB, n int) *Store {
	tb.Helper()
	store, err := New("net", tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { store.Close() })
	addr := netip.MustParseAddr("10.0.0.0")
	for i := range n {
		h := newHolder(fmt.Sprintf("%064d", i), "eth0")
		if err := store.dir.create(addr.String(), h.content(), time.Time{}); err != nil {
			tb.Fatal(err)
		}
		addr = addr.Next()
	}
	return store
}

// BenchmarkTx measures one critical section with an index that is valid.
func BenchmarkTx(b *testing.B) {
	ip := net.IPv4(10, 255, 0, 1)
	verbs := map[string]func(*Store) error{
		"ADD+DEL": func(s *Store) error {
			if ok, err := s.Reserve("c", "eth0", ip, "0"); err != nil || !ok {
				return fmt.Errorf("reserved %v: %w", ok, err)
			}
			return s.ReleaseByID("c", "eth0")
		},
		"CHECK": func(s *Store) error {
			if len(s.GetByID("0000000000000000000000000000000000000000000000000000000000000001", "eth0")) == 0 {
				return fmt.Errorf("not found")
			}
			return nil
		},
		"search": func(s *Store) error {
			tx, err := s.Begin()
			if err != nil {
				return err
			}
			tx.FirstFree(netip.MustParseAddr("10.0.0.0"), netip.MustParseAddr("10.255.255.255"))
			return nil
		},
	}
	for _, n := range []int{10, 10_000, 65_000} {
		store := fill(b, n)
		for name, verb := range verbs {
			b.Run(name+"/"+strconv.Itoa(n), func(b *testing.B) {
				for b.Loop() {
					if err := verb(store); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
