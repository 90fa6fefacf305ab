package dhcp6

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Seconds is a span of time as the protocol counts it.
type Seconds uint32

// Infinity is the span that does not end.
const Infinity Seconds = 0xffffffff

// never is further away than any lease lives.
const never = 200 * 365 * 24 * time.Hour

// Duration returns the span, which for Infinity is 200 years.
func (s Seconds) Duration() time.Duration {
	if s == Infinity {
		return never
	}
	return time.Duration(s) * time.Second
}

// String is how a person would write it.
func (s Seconds) String() string {
	if s == Infinity {
		return "forever"
	}
	return s.Duration().String()
}

// Address is an address and how long it may be used, from Lease.Obtained on.
type Address struct {
	IP        netip.Addr `json:"ip"`
	Preferred Seconds    `json:"preferred"`
	Valid     Seconds    `json:"valid"`
}

// A Lease is what a server lent. It is plain data: write it as JSON, and a
// process that reads it later can renew, confirm and release it.
type Lease struct {
	// Identity is that of the client.
	Identity
	// Server is who lent the addresses, and renews and takes them back.
	Server DUID `json:"server"`
	// Obtained is when the server's last answer came. Spans count from then on.
	Obtained time.Time `json:"obtained"`
	// T1 is after how long to renew with the same server, T2 after how long to
	// rebind with any. T1 <= T2 <= the longest valid lifetime.
	T1 Seconds `json:"t1"`
	T2 Seconds `json:"t2"`
	// Addresses are in the server's order; there is at least one. Their prefix
	// length is 128: what else is on the link, routers say (RFC 5942).
	Addresses []Address `json:"addresses"`
	// DNS and Search are name servers and search domains, without final dot.
	DNS    []netip.Addr `json:"dns,omitempty"`
	Search []string     `json:"search,omitempty"`
}

// RenewAt is when to call Renew for the first time.
func (l *Lease) RenewAt() time.Time { return l.Obtained.Add(l.T1.Duration()) }

// RebindAt is when to call Rebind for the first time, and Renew gives up.
func (l *Lease) RebindAt() time.Time { return l.Obtained.Add(l.T2.Duration()) }

// ExpiresAt is when the last address may not be used any more, and Rebind gives
// up.
func (l *Lease) ExpiresAt() time.Time { return l.Obtained.Add(l.valid().Duration()) }

// SameAddresses reports whether leases have the same addresses, for whatever time.
func (l *Lease) SameAddresses(other *Lease) bool {
	return slices.EqualFunc(l.Addresses, other.Addresses, func(a, b Address) bool { return a.IP == b.IP })
}

// Moved returns the lease by a clock that has been set.
func (l *Lease) Moved(by time.Duration) *Lease {
	moved := *l
	moved.Obtained = l.Obtained.Add(by)
	return &moved
}

func (l *Lease) valid() Seconds {
	var longest Seconds
	for _, a := range l.Addresses {
		longest = max(longest, a.Valid)
	}
	return longest
}

// Check says what is wrong with a lease that was read from a file.
func (l *Lease) Check() error {
	switch {
	case !isDUID(l.DUID):
		return fmt.Errorf("lease has a client DUID of %d bytes", len(l.DUID))
	case !isDUID(l.Server):
		return fmt.Errorf("lease has a server DUID of %d bytes", len(l.Server))
	case len(l.Addresses) == 0:
		return fmt.Errorf("lease has no address")
	case l.T1 > l.T2 || l.T2 > l.valid():
		return fmt.Errorf("lease is to be renewed after %v, rebound after %v and ends after %v", l.T1, l.T2, l.valid())
	}
	for _, a := range l.Addresses {
		if !isUsable(a.IP) || a.Valid == 0 || a.Preferred > a.Valid {
			return fmt.Errorf("lease has the unusable address %v (preferred for %v, valid for %v)", a.IP, a.Preferred, a.Valid)
		}
	}
	return nil
}

// isUsable reports whether an interface may have the address: from a server
// that is confused or worse, any 16 bytes may come.
func isUsable(ip netip.Addr) bool {
	return ip.Is6() && !ip.Is4In6() && ip.Zone() == "" && !ip.IsUnspecified() && !ip.IsLoopback() &&
		!ip.IsMulticast() && !ip.IsLinkLocalUnicast()
}

// newLease makes a lease of a server's answer, which has usable addresses.
func newLease(who Identity, a *answer, now time.Time) *Lease {
	// A wall clock reading, as it has to mean the same after a restart.
	l := &Lease{Identity: who, Server: a.server, Obtained: now.Round(0), DNS: a.dns, Search: a.search, Addresses: a.ia.lent()}
	l.setTimes(a.ia.t1, a.ia.t2)
	return l
}

// renewed returns the lease after an answer to RENEW or REBIND. Addresses that
// the answer does not mention stay as they are, those with lifetime 0 go
// (RFC 8415, section 18.2.10.1). It may have no address left.
func (l *Lease) renewed(a *answer, now time.Time) *Lease {
	next := newLease(l.Identity, a, now)
	passed := now.Sub(l.Obtained)
	for _, old := range l.Addresses {
		mentioned := slices.ContainsFunc(a.ia.addresses, func(a Address) bool { return a.IP == old.IP })
		old.Preferred, old.Valid = old.Preferred.after(passed), old.Valid.after(passed)
		if !mentioned && old.Valid > 0 {
			next.Addresses = append(next.Addresses, old)
		}
	}
	next.setTimes(a.ia.t1, a.ia.t2)
	return next
}

// after is what is left of a span.
func (s Seconds) after(passed time.Duration) Seconds {
	if s == Infinity {
		return s
	}
	return Seconds(max(0, s.Duration()-passed) / time.Second)
}

// setTimes takes T1 and T2 from the server; 0 leaves them to the client
// (RFC 8415, section 21.4): half and four fifths of the shortest preferred
// lifetime. They are never so late that an address is gone by then, nor 0, or
// renewal would not stop.
func (l *Lease) setTimes(t1, t2 Seconds) {
	shortest := l.valid()
	for _, a := range l.Addresses {
		if a.Preferred > 0 {
			shortest = min(shortest, a.Preferred)
		}
	}
	if t2 == 0 {
		t2 = shortest.part(4, 5)
	}
	if t1 == 0 {
		t1 = min(shortest.part(1, 2), t2)
	}
	l.T2 = max(1, min(t2, l.valid()))
	l.T1 = max(1, min(t1, l.T2))
}

func (s Seconds) part(numerator, denominator uint64) Seconds {
	if s == Infinity {
		return s
	}
	return Seconds(uint64(s) * numerator / denominator)
}
