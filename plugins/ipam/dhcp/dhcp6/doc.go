// Package dhcp6 gets IPv6 addresses for the interface of a container: from
// DHCPv6 servers (RFC 8415) and from router advertisements (RFC 4861, RFC 4862).
//
// A [Client] has no state, and there is nothing to start or stop: each call is
// one exchange, on a socket that it opens inside the container's namespace and
// closes before it returns. While it waits it holds no thread. Between exchanges
// a lease is plain data (a [Lease], which is JSON), and who has it says when to
// call again:
//
//	client := dhcp6.Client{Identity: dhcp6.Identify(attachment), Ignored: &ignored}
//	lease, err := client.Acquire(ctx, namespace, link)      // ADD
//	lease, err = client.Renew(ctx, namespace, link, lease)  // at lease.RenewAt
//	lease, err = client.Rebind(ctx, namespace, link, lease) // at lease.RebindAt
//	err = client.Confirm(ctx, namespace, link, lease)       // after a restart, or when the link was down
//	err = client.Release(ctx, namespace, link, lease)       // DEL
//
// At lease.ExpiresAt, or when an error is [ErrWithdrawn], the addresses are to be
// taken off and Acquire starts again. After [ErrNoServer] a lease is as good as
// before. The lease's own identity is what Renew, Rebind, Confirm and Release
// use; for them Client need not have one.
//
// [AwaitAdvertisement] waits for a default router and for the addresses that the
// kernel makes of its prefixes. The kernel keeps those by itself. If the
// advertisement says Other, [Client.Inquire] has name servers.
//
// All calls need the link up, and wait for its link-local address. They end
// within 100 ms of their context: if its time is over with an error that says
// what did not come, if it was cancelled with that of the context. There can be
// one exchange on a link at a time, as a client has to use port 546; the caller
// sees to that. While an exchange goes on, its socket keeps the namespace alive:
// a caller whose container may vanish limits each call and looks again.
//
// Nothing here changes addresses or routes. AwaitAdvertisement makes the link
// accept advertisements; all enable IPv6 on it.
package dhcp6
