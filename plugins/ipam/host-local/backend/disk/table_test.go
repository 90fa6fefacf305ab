package disk

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// memoryIndex is an index without directory.
func memoryIndex(addrs ...netip.Addr) *index {
	x := &index{}
	var all []record
	for i, addr := range addrs {
		all = append(all, record{addr, hash(fmt.Sprint(i)), time.Unix(int64(i), 0)})
	}
	x.fill(all)
	return x
}

func sequence(first string, n int) []netip.Addr {
	addr := netip.MustParseAddr(first)
	var all []netip.Addr
	for range n {
		all = append(all, addr)
		addr = addr.Next()
	}
	return all
}

func TestFirstFree(t *testing.T) {
	tests := map[string]struct {
		taken  []netip.Addr
		lo, hi string
		want   string // empty: none
	}{
		"none taken":         {lo: "10.0.0.1", hi: "10.0.0.9", want: "10.0.0.1"},
		"one address":        {lo: "10.0.0.1", hi: "10.0.0.1", want: "10.0.0.1"},
		"one taken address":  {taken: sequence("10.0.0.1", 1), lo: "10.0.0.1", hi: "10.0.0.1"},
		"empty interval":     {lo: "10.0.0.2", hi: "10.0.0.1"},
		"taken from start":   {taken: sequence("10.0.0.1", 3), lo: "10.0.0.1", hi: "10.0.0.9", want: "10.0.0.4"},
		"gap":                {taken: append(sequence("10.0.0.1", 3), sequence("10.0.0.5", 9)...), lo: "10.0.0.2", hi: "10.0.0.9", want: "10.0.0.4"},
		"full":               {taken: sequence("10.0.0.1", 9), lo: "10.0.0.1", hi: "10.0.0.9"},
		"free behind end":    {taken: sequence("10.0.0.1", 9), lo: "10.0.0.5", hi: "10.0.0.9"},
		"whole block":        {taken: sequence("10.0.0.0", 256), lo: "10.0.0.0", hi: "10.0.1.9", want: "10.0.1.0"},
		"last of a /16":      {taken: sequence("10.0.0.0", 65535), lo: "10.0.0.0", hi: "10.0.255.255", want: "10.0.255.255"},
		"/16 full":           {taken: sequence("10.0.0.0", 65536), lo: "10.0.0.0", hi: "10.0.255.255"},
		"/8":                 {taken: sequence("10.0.0.1", 1000), lo: "10.0.0.1", hi: "10.255.255.254", want: "10.0.3.233"},
		"highest v4":         {taken: sequence("255.255.255.254", 1), lo: "255.255.255.254", hi: "255.255.255.255", want: "255.255.255.255"},
		"highest v4, full":   {taken: sequence("255.255.255.254", 2), lo: "255.255.255.254", hi: "255.255.255.255"},
		"/64":                {taken: sequence("2001:db8::1", 700), lo: "2001:db8::1", hi: "2001:db8::ffff:ffff:ffff:ffff", want: "2001:db8::2bd"},
		"/3":                 {taken: sequence("2000::1", 1), lo: "2000::1", hi: "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", want: "2000::2"},
		"over 64 bits":       {taken: sequence("2001:db8::ffff:ffff:ffff:fffe", 4), lo: "2001:db8::ffff:ffff:ffff:fffe", hi: "2001:db8:0:1::9", want: "2001:db8:0:1::2"},
		"highest v6, full":   {taken: sequence("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 2), lo: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", hi: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		"families are apart": {taken: sequence("::10.0.0.1", 9), lo: "10.0.0.1", hi: "10.0.0.9", want: "10.0.0.1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := memoryIndex(test.taken...).firstFree(netip.MustParseAddr(test.lo), netip.MustParseAddr(test.hi))
			if ok != (test.want != "") || ok && got.String() != test.want {
				t.Errorf("got %v, %v, want %q", got, ok, test.want)
			}
		})
	}
}

// TestIndexModel makes random changes to an index and to a map.
func TestIndexModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	x, model := memoryIndex(), map[netip.Addr]*lease{}
	for step := range 30_000 {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(rnd.IntN(12)), byte(rnd.IntN(256))})
		before := model[addr]
		var after *lease
		// Fewer removals in the first half: the tables grow and shrink.
		if before == nil || step < 15_000 && rnd.IntN(4) > 0 {
			after = &lease{holder: holder{id: fmt.Sprint(rnd.IntN(40))}, since: time.Unix(int64(step), 0)}
		}
		x.apply(change{addr, before, after})
		delete(model, addr)
		if after != nil {
			model[addr] = after
		}
		if step%500 > 0 {
			continue
		}
		if x.leases.count != len(model) {
			t.Fatalf("step %d: %d leases, want %d", step, x.leases.count, len(model))
		}
		counts := map[string]int{}
		for _, l := range model {
			counts[l.id]++
		}
		for id, want := range counts {
			got := x.byID(id)
			if len(got) != want {
				t.Fatalf("step %d: container %s has %d addresses, want %d", step, id, len(got), want)
			}
			for _, addr := range got {
				if model[addr] == nil || model[addr].id != id {
					t.Fatalf("step %d: container %s does not have %v", step, id, addr)
				}
			}
		}
		lo, hi := netip.MustParseAddr("10.0.0.0"), netip.MustParseAddr("10.0.12.0")
		want := lo
		for model[want] != nil {
			want = want.Next()
		}
		if got, ok := x.firstFree(lo, hi); !ok || got != want {
			t.Fatalf("step %d: first free %v, %v, want %v", step, got, ok, want)
		}
	}
	if x.leases.broken || x.blocks.broken {
		t.Error("broken")
	}
}

// TestIndexOneHolder has more leases of one container than a page holds.
func TestIndexOneHolder(t *testing.T) {
	x := memoryIndex()
	all := sequence("10.0.0.0", 1000)
	for _, addr := range all {
		x.apply(change{addr, nil, &lease{holder: holder{id: "a"}}})
	}
	if got := len(x.byID("a")); got != len(all) {
		t.Errorf("%d addresses, want %d", got, len(all))
	}
	for _, addr := range all {
		x.apply(change{addr, &lease{holder: holder{id: "a"}}, nil})
	}
	if got := x.byID("a"); len(got) > 0 || x.leases.count > 0 || x.blocks.count > 0 {
		t.Errorf("%d leases, %d blocks, addresses %v left", x.leases.count, x.blocks.count, got)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(header{leasePages: 1, blockPages: 1, boot: "b", stamp: time.Unix(1, 0)}.encode())
	f.Add([]byte(indexMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := decodeHeader(b)
		if !ok {
			return
		}
		if again, ok := decodeHeader(h.encode()); !ok || again != h {
			t.Errorf("%+v becomes %+v, %v", h, again, ok)
		}
	})
}

// FuzzPage reads a table out of arbitrary bytes.
func FuzzPage(f *testing.F) {
	p := newPage()
	p.insert(record{addr: netip.MustParseAddr("10.0.0.1"), id: hash("a")}.encode())
	p.seal()
	f.Add([]byte(p))
	f.Add(make([]byte, 2*pageSize))
	f.Fuzz(func(t *testing.T, content []byte) {
		x := memoryIndex()
		x.leases.file, x.blocks.file = fuzzFile(content), fuzzFile(content)
		x.byID("a")
		x.firstFree(netip.MustParseAddr("10.0.0.0"), netip.MustParseAddr("10.0.1.0"))
		x.all(func(record) {})
	})
}

type fuzzFile []byte

func (f fuzzFile) ReadAt(p []byte, at int64) (int, error) {
	if at >= int64(len(f)) {
		return 0, fmt.Errorf("no page at %d", at)
	}
	n := copy(p, f[at:])
	page(p).seal() // else hardly any input gets past the checksum
	return n, nil
}
