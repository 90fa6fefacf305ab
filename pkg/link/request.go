package link

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// request begins a message for which the netlink package has no function, on a
// connection of its own: that package keeps its own to itself.
func (n *Namespace) request(kind, flags int) (*nl.NetlinkRequest, error) {
	if n.raw == nil {
		err := n.inside(func() error {
			socket, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
			if err != nil {
				return err
			}
			// Kernels since 4.20 then leave out of lists what is not asked for.
			_ = unix.SetsockoptInt(socket.GetFd(), unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
			n.raw = &nl.SocketHandle{Socket: socket}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("connect to netns %q: %w", n.NetNS.Path(), err)
		}
	}
	req := nl.NewNetlinkRequest(kind, flags)
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: n.raw}
	return req, nil
}

// maxDumps bounds how often an interrupted dump is repeated.
const maxDumps = 10

// dump collects the answers of type answer to the request for a list, which
// fill adds to the message, and repeats it while it is interrupted.
func (n *Namespace) dump(kind int, answer uint16, fill func(*nl.NetlinkRequest)) (messages [][]byte, err error) {
	for range maxDumps {
		req, err := n.request(kind, unix.NLM_F_DUMP)
		if err != nil {
			return nil, err
		}
		fill(req)
		messages, err = req.Execute(unix.NETLINK_ROUTE, answer)
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return messages, err
		}
	}
	return nil, netlink.ErrDumpInterrupted
}
