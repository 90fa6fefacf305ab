package hostlocal

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/sandbox"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/disk"
)

// patience is how long the locks of other networks are waited for: who has one may have been
// stopped.
const patience = 5 * time.Second

// delFormer frees what the interface has in networks of other names, for a DEL that finds
// nothing under the present one: somebody may have changed it since ADD. A container may
// hold addresses of two networks at a time under one name of an interface, as where a
// plugin of the chain has a network of its own for its addresses, or where somebody gives
// two containers one id. So only those go that nobody can use any longer: the container
// has no such interface, and no other one on the node has the address.
func delFormer(args *plugin.CmdArgs) error {
	p, err := loadPlace(args.StdinData)
	if err != nil {
		return err
	}
	networks, err := disk.Networks(p.IPAM.DataDir)
	if record.IsMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	gone, free := sync.OnceValue(func() bool { return isGone(args) }), vanished()
	for _, network := range networks {
		if network == p.Name {
			continue
		}
		err := begin(ctx, network, p.IPAM.DataDir, func(tx *disk.Tx) error {
			released := tx.ReleaseOwn(args.ContainerID, args.IfName, func(a netip.Addr) bool { return gone() && free(a) })
			if len(released) > 0 {
				fmt.Fprintf(os.Stderr, "release %v of network %s: it had that name when interface %s was added\n", released, network, args.IfName)
			}
			return tx.Commit()
		})
		// What is wrong with another network is not to keep this one from its DEL.
		if err != nil {
			fmt.Fprintf(os.Stderr, "look for addresses under the name %s of the network: %v\n", network, err)
		}
	}
	return nil
}

// isGone reports whether the container is certain not to have the interface.
func isGone(args *plugin.CmdArgs) bool {
	s, err := sandbox.Of(args.Netns, args.IfName)
	if err != nil {
		return ns.IsGone(err)
	}
	return s.Index == 0
}
