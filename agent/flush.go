package main

import (
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Attributes of the notification that ends a transaction (linux/netfilter/nf_tables.h).
const genProcessName = 3

// nfgenmsgLen is the size of struct nfgenmsg, which is in front of the attributes.
const nfgenmsgLen = 4

// flushes calls flushed after transactions of nftables, which are those of iptables-nft as
// well, in which somebody else than the plugins deleted what may be theirs.
func flushes(flushed func()) notifications {
	var deleted bool
	return notifications{
		protocol: unix.NETLINK_NETFILTER,
		groups:   []int{unix.NFNLGRP_NFTABLES},
		lost:     flushed,
		handle: func(m syscall.NetlinkMessage) {
			if m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES || len(m.Data) < nfgenmsgLen {
				return
			}
			if kind := m.Header.Type & 0xff; kind != unix.NFT_MSG_NEWGEN {
				deleted = deleted || deletesOurs(kind, m.Data)
				return
			}
			if deleted && !isOurs(textOf(m.Data, genProcessName)) {
				flushed()
			}
			deleted = false
		},
	}
}

// isOurs reports whether a process, by the name that the kernel has for it, is a plugin, the
// bundle or the agent.
func isOurs(process string) bool {
	return slices.Contains(repairers, process) || strings.HasPrefix(process, "cni-plugins")
}

// deletesOurs reports whether a message says that something was deleted that the plugins
// may have made. In the tables of iptables, which others change all the time, that is
// told from what a flush does to the kernel's own chains.
func deletesOurs(kind uint16, data []byte) bool {
	table := textOf(data, unix.NFTA_TABLE_NAME) // of all kinds of messages
	own := strings.HasPrefix(table, "cni_plugins_")
	switch kind {
	case unix.NFT_MSG_DELTABLE:
		return own || isIPTables(data, table)
	case unix.NFT_MSG_DELCHAIN, unix.NFT_MSG_DELSET, unix.NFT_MSG_DELSETELEM:
		return own
	case unix.NFT_MSG_DELRULE:
		chain := textOf(data, unix.NFTA_RULE_CHAIN)
		return own || isIPTables(data, table) && chain == strings.ToUpper(chain) && !strings.Contains(chain, "-")
	}
	return false
}

// isIPTables reports whether the table is one of iptables or ip6tables.
func isIPTables(data []byte, table string) bool {
	return (data[0] == unix.NFPROTO_IPV4 || data[0] == unix.NFPROTO_IPV6) && slices.Contains([]string{"filter", "nat", "raw"}, table)
}

// textOf returns a text of a message, or nothing.
func textOf(data []byte, kind uint16) string {
	return strings.TrimRight(string(attribute(data, nfgenmsgLen, kind)), "\x00")
}
