package rules

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
)

// Holdings returns the pairs of attachments and what is noted of their rules, and masquerade,
// which does not tell of which plugin it is.
func (r Records) Holdings(known []owner.Attachment) ([]plugin.Holding, error) {
	host, err := link.Host()
	if err != nil {
		return nil, err
	}
	defer host.Close()
	links, err := host.Tagged("veth")
	var found []plugin.Holding
	names := map[int]string{}
	for _, l := range links {
		found = append(found, plugin.Tagged(l.Attrs().Alias, "interface", "%s%s", l.Attrs().Name, at(host, l, names)))
	}
	recorded, errRecords := r.recorded(host)
	masqueraded, errNAT := nat.Holdings()
	found = append(append(found, recorded...), masqueraded...)
	var restricted []plugin.Holding
	var errSpoof error
	if r.Restricted != nil {
		restricted, errSpoof = r.Restricted(known)
	}
	return append(found, restricted...), plugin.Join(err, errRecords, errNAT, errSpoof)
}

// at says which bridge a link is a port of.
func at(host *link.Namespace, l netlink.Link, names map[int]string) string {
	index := l.Attrs().MasterIndex
	if index == 0 {
		return ""
	}
	if names[index] == "" {
		names[index] = fmt.Sprint(index)
		if master, err := host.LinkByIndex(index); err == nil {
			names[index] = master.Attrs().Name
		}
	}
	return " of " + names[index]
}

// recorded tells of the records, by which a repair goes.
func (r Records) recorded(host *link.Namespace) ([]plugin.Holding, error) {
	prefixes, err := r.prefixes()
	errs := []error{err}
	var found []plugin.Holding
	fateOf := fates(host)
	for _, prefix := range prefixes {
		h := plugin.Holding{Prefix: prefix, Kind: "record", What: r.path(prefix)}
		var kept Record
		ok, err := record.Read(r.path(prefix), &kept)
		if ok && kept.Owns(prefix) {
			h.Prefix, h.Attachment = "", kept.Attachment
			f, err := fateOf(&kept)
			h.Gone = f == gone && err == nil
			errs = append(errs, err)
		}
		found, errs = append(found, h), append(errs, err)
	}
	return found, plugin.Join(errs...)
}
