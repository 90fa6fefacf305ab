package allocator

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/disk"
	fake "github.com/containernetworking/plugins/plugins/ipam/host-local/backend/testing"
)

// stores returns a store of each kind, in which containers have the addresses
// and the set 0 gave out last.
func stores(t *testing.T, taken map[string]string, last string) map[string]backend.Store {
	t.Helper()
	ipmap, lastIPs := map[string]string{}, map[string]net.IP{}
	for ip, id := range taken {
		ipmap[ip] = id
	}
	if last != "" {
		lastIPs["0"] = net.ParseIP(last)
	}
	tx, err := onDisk(t, taken, last).Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tx.Close() })
	return map[string]backend.Store{
		"fake": fake.NewFakeStore(ipmap, lastIPs),
		"disk": onDisk(t, taken, last),
		"tx":   tx,
	}
}

func onDisk(t *testing.T, taken map[string]string, last string) *disk.Store {
	t.Helper()
	dir := t.TempDir()
	store, err := disk.New("net", dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	for ip, id := range taken {
		if _, err := store.Reserve(id, "eth0", net.ParseIP(ip), "other"); err != nil {
			t.Fatal(err)
		}
	}
	if last != "" {
		path := filepath.Join(disk.Path("net", dir), "last_reserved_ip.0")
		if err := os.WriteFile(path, []byte(last), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

func TestGet(t *testing.T) {
	slash29 := func(t *testing.T) *RangeSet { return canonical(t, subnet("10.0.0.0/29")) }
	two := func(t *testing.T) *RangeSet { return canonical(t, subnet("10.0.0.0/30"), subnet("10.0.1.0/30")) }
	full := map[string]string{"10.0.0.2": "b", "10.0.0.3": "c", "10.0.0.4": "d", "10.0.0.5": "e", "10.0.0.6": "f"}
	but := func(free string) map[string]string {
		rest := map[string]string{}
		for ip, id := range full {
			if ip != free {
				rest[ip] = id
			}
		}
		return rest
	}
	tests := map[string]struct {
		set       func(*testing.T) *RangeSet
		taken     map[string]string
		last      string
		requested string
		want      string
		wantErr   string
	}{
		"/29":                   {set: slash29, want: "10.0.0.2/29 10.0.0.1"},
		"/30":                   {set: two, want: "10.0.0.2/30 10.0.0.1"},
		"/64":                   {set: func(t *testing.T) *RangeSet { return canonical(t, subnet("2001:db8:1::/64")) }, want: "2001:db8:1::2/64 2001:db8:1::1"},
		"/3":                    {set: func(t *testing.T) *RangeSet { return canonical(t, subnet("2000::/3")) }, last: "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", want: "2000::2/3 2000::1"},
		"next to last":          {set: slash29, last: "10.0.0.4", want: "10.0.0.5/29 10.0.0.1"},
		"wraps":                 {set: slash29, last: "10.0.0.6", want: "10.0.0.2/29 10.0.0.1"},
		"skips taken":           {set: slash29, taken: map[string]string{"10.0.0.2": "b", "10.0.0.3": "c"}, want: "10.0.0.4/29 10.0.0.1"},
		"last out of range":     {set: slash29, last: "10.0.9.4", want: "10.0.0.2/29 10.0.0.1"},
		"all but last":          {set: slash29, taken: but("10.0.0.4"), last: "10.0.0.4", want: "10.0.0.4/29 10.0.0.1"},
		"full":                  {set: slash29, taken: full, wantErr: "no IP addresses available in range set: 10.0.0.1-10.0.0.6"},
		"full behind last":      {set: slash29, taken: but("10.0.0.3"), last: "10.0.0.5", want: "10.0.0.3/29 10.0.0.1"},
		"second range":          {set: two, last: "10.0.0.2", want: "10.0.1.2/30 10.0.1.1"},
		"rolls over":            {set: two, last: "10.0.1.2", want: "10.0.0.2/30 10.0.0.1"},
		"both full":             {set: two, taken: map[string]string{"10.0.0.2": "b", "10.0.1.2": "c"}, wantErr: "no IP addresses available in range set: 10.0.0.1-10.0.0.2,10.0.1.1-10.0.1.2"},
		"broadcast not":         {set: slash29, taken: but("10.0.0.6"), last: "10.0.0.5", want: "10.0.0.6/29 10.0.0.1"},
		"network and broadcast": {set: func(t *testing.T) *RangeSet { return canonical(t, subnet("10.0.0.0/30", "10.0.0.0", "10.0.0.3")) }, want: "10.0.0.0/30 10.0.0.1"},
		"gateway of other range": {set: func(t *testing.T) *RangeSet {
			return canonical(t, subnet("10.0.0.0/30"), subnet("10.0.1.0/30", "", "", "10.0.0.2"))
		}, want: "10.0.1.1/30 10.0.0.2"},
		"requested":               {set: slash29, requested: "10.0.0.5", want: "10.0.0.5/29 10.0.0.1"},
		"requested taken":         {set: slash29, taken: full, requested: "10.0.0.5", wantErr: "requested IP address 10.0.0.5 is not available in range set 10.0.0.1-10.0.0.6"},
		"requested gateway":       {set: slash29, requested: "10.0.0.1", wantErr: "requested ip 10.0.0.1 is subnet's gateway"},
		"requested outside":       {set: slash29, requested: "10.0.0.7", wantErr: "10.0.0.7 not in range set 10.0.0.1-10.0.0.6"},
		"requested before start":  {set: func(t *testing.T) *RangeSet { return canonical(t, subnet("10.0.0.0/24", "10.0.0.40")) }, requested: "10.0.0.39", wantErr: "10.0.0.39 not in range set 10.0.0.40-10.0.0.254"},
		"duplicate":               {set: slash29, taken: map[string]string{"10.0.0.4": "a"}, wantErr: "10.0.0.4 has been allocated to a, duplicate allocation is not allowed"},
		"duplicate, requested":    {set: slash29, taken: map[string]string{"10.0.0.4": "a"}, requested: "10.0.0.5", wantErr: "10.0.0.4 has been allocated to a, duplicate allocation is not allowed"},
		"duplicate in other sets": {set: slash29, taken: map[string]string{"10.0.7.4": "a"}, want: "10.0.0.2/29 10.0.0.1"},
	}
	for name, test := range tests {
		for kind, store := range stores(t, test.taken, test.last) {
			t.Run(name+"/"+kind, func(t *testing.T) {
				config, err := NewIPAllocator(test.set(t), store, 0).Get("a", "eth0", net.ParseIP(test.requested))
				if err != nil || test.wantErr != "" {
					if err == nil || err.Error() != test.wantErr {
						t.Errorf("got error %v, want %s", err, test.wantErr)
					}
					return
				}
				if got := fmt.Sprintf("%v %v", &config.Address, config.Gateway); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
				if last, err := store.LastReservedIP("0"); err != nil || !last.Equal(config.Address.IP) {
					t.Errorf("last reserved address %v, %v", last, err)
				}
			})
		}
	}
}

// TestRoundRobin gives an address out again as late as possible.
func TestRoundRobin(t *testing.T) {
	for kind, store := range stores(t, nil, "") {
		t.Run(kind, func(t *testing.T) {
			a := NewIPAllocator(canonical(t, subnet("10.0.0.0/29")), store, 0)
			for _, want := range []string{"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.2"} {
				config, err := a.Get("a", "eth0", nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := config.Address.IP.String(); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if err := a.Release("a", "eth0"); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestRangeIter(t *testing.T) {
	tests := map[string]struct {
		set  *RangeSet
		last string
		want string
	}{
		"from the start":  {canonical(t, subnet("10.0.0.0/29")), "", "2 3 4 5 6"},
		"last is end":     {canonical(t, subnet("10.0.0.0/29")), "10.0.0.6", "2 3 4 5 6"},
		"last in between": {canonical(t, subnet("10.0.0.0/29")), "10.0.0.3", "4 5 6 2 3"},
		"two ranges with explicit ends": {
			canonical(t, subnet("10.0.0.0/30", "10.0.0.0", "10.0.0.3", "10.9.9.9"), subnet("10.0.0.4/30", "10.0.0.4", "10.0.0.7", "10.9.9.9")),
			"10.0.0.3", "4 5 6 7 0 1 2 3",
		},
		"one address": {canonical(t, subnet("10.0.0.0/24", "10.0.0.9", "10.0.0.9")), "10.0.0.9", "9"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store := fake.NewFakeStore(nil, map[string]net.IP{"0": net.ParseIP(test.last)})
			iter, err := NewIPAllocator(test.set, store, 0).GetIter()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for ipnet, gw := iter.Next(); ipnet != nil; ipnet, gw = iter.Next() {
				if len(gw) == 0 {
					t.Error("no gateway")
				}
				got = append(got, fmt.Sprint(ipnet.IP[len(ipnet.IP)-1]))
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %v, want %s", got, test.want)
			}
		})
	}
}
