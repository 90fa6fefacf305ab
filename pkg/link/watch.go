package link

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Watch gets what the kernel notifies from its beginning on. Who begins it before a change
// does not have to ask afterwards what has become of that.
type Watch struct{ socket *nl.NetlinkSocket }

// Watch subscribes to rtnetlink groups (unix.RTNLGRP_…). Close ends it.
func (n *Namespace) Watch(groups ...uint) (*Watch, error) {
	w := &Watch{}
	err := n.Do(func() (err error) {
		w.socket, err = nl.Subscribe(unix.NETLINK_ROUTE, groups...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to changes: %w", err)
	}
	return w, nil
}

// Close ends the subscription.
func (w *Watch) Close() { w.socket.Close() }

// WatchLocal watches which IPv6 addresses of a link the kernel takes for its own. It leaves
// other links out in the kernel, from before it subscribes: what many containers get at a time,
// the same address often, wakes nobody.
func (n *Namespace) WatchLocal(l netlink.Link) (*Watch, error) {
	w, err := n.Watch()
	if err != nil {
		return nil, err
	}
	program := localRoutesOf(l.Attrs().Index)
	filter := &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	err = unix.SetsockoptSockFprog(w.socket.GetFd(), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, filter)
	if err == nil {
		err = unix.SetsockoptInt(w.socket.GetFd(), unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, unix.RTNLGRP_IPV6_ROUTE)
	}
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("subscribe to changes of %q alone: %w", l.Attrs().Name, err)
	}
	return w, nil
}

// localRoutesOf is a filter (linux/filter.h) for messages about local routes of a link.
func localRoutesOf(index int) []unix.SockFilter {
	const (
		routeType    = unix.NLMSG_HDRLEN + 7 // rtm_type in struct rtmsg
		attributes   = unix.NLMSG_HDRLEN + routeHeader
		findAttr     = 1<<32 - 0x1000 + 12 // SKF_AD_OFF + SKF_AD_NLATTR
		load, loadX  = unix.BPF_LD, unix.BPF_LDX | unix.BPF_IMM
		equal        = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		pass, refuse = unix.BPF_RET | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	)
	var number [4]byte
	binary.NativeEndian.PutUint32(number[:], uint32(index))
	return []unix.SockFilter{
		{Code: load | unix.BPF_B | unix.BPF_ABS, K: routeType},
		{Code: equal, K: unix.RTN_LOCAL, Jf: 6},
		{Code: loadX, K: unix.RTA_OIF},
		{Code: load | unix.BPF_IMM, K: attributes},
		{Code: load | unix.BPF_W | unix.BPF_ABS, K: findAttr}, // its offset, or 0
		{Code: unix.BPF_MISC | unix.BPF_TAX},
		{Code: load | unix.BPF_W | unix.BPF_IND, K: unix.SizeofRtAttr},
		{Code: equal, K: binary.BigEndian.Uint32(number[:]), Jt: 1},
		{Code: refuse, K: 0},
		{Code: pass, K: 1<<32 - 1},
	}
}

// AwaitLocal waits for at most the given time until all the IPv6 addresses of the link have
// been seen by WatchLocal, and reports whether they have: not if notifications were lost.
func (w *Watch) AwaitLocal(ctx context.Context, timeout time.Duration, addresses []net.IP) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	missing := slices.Clone(addresses)
	for len(missing) > 0 {
		messages, err := w.next(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return false, nil
		case err != nil || messages == nil:
			return false, err
		}
		for _, m := range messages {
			missing = slices.DeleteFunc(missing, func(address net.IP) bool {
				return m.Header.Type == unix.RTM_NEWROUTE && len(m.Data) >= routeHeader &&
					address.Equal(attribute(m.Data[routeHeader:], unix.RTA_DST))
			})
		}
	}
	return true, nil
}

// next waits for notifications, and returns none if some were lost.
func (w *Watch) next(ctx context.Context) ([]syscall.NetlinkMessage, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// The library's wait knows no context, and takes 0 for "for ever".
		patience := unix.NsecToTimeval(max(untilDeadline(ctx), time.Microsecond).Nanoseconds())
		if err := w.socket.SetReceiveTimeout(&patience); err != nil {
			return nil, err
		}
		messages, _, err := w.socket.Receive()
		switch {
		case errors.Is(err, unix.EAGAIN):
			continue
		case errors.Is(err, unix.ENOBUFS): // some were lost
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("wait for a change: %w", err)
		default:
			return messages, nil
		}
	}
}

// signalLatency is how long a wait may go on after a signal to terminate.
const signalLatency = 100 * time.Millisecond

func untilDeadline(ctx context.Context) time.Duration {
	deadline, _ := ctx.Deadline()
	return min(time.Until(deadline), signalLatency)
}
