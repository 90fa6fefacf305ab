package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/spoof"
	"github.com/containernetworking/plugins/plugins/meta/portmap/portmap"
)

// crowded is the network of the attachments that are there beside the measured one.
const crowded = "crowd"

// gatherOthers makes what is there beside the measured attachment, and returns what takes
// it away.
func (s scenario) gatherOthers(id string) (leave func() error, err error) {
	err = errors.Join(gatherBridged(s.crowd), s.gatherMapped(id, "nftables"), gatherForeign(s.foreign))
	return func() error {
		return errors.Join(disperseBridged(s.crowd), s.disperseMapped(), disperseForeign(s.foreign))
	}, err
}

// gatherBridged gives n attachments the rules that a bridge with nftables masquerade and
// macspoofchk gives them.
func gatherBridged(n int) error {
	backend := "nftables"
	masquerade, err := nat.Open(&backend)
	if err != nil {
		return err
	}
	for i := range n {
		a := owner.Attachment{Network: crowded, ContainerID: fmt.Sprintf("container%d", i), IfName: "eth0"}
		low, high := byte(i), byte(i>>8)
		address := &net.IPNet{IP: net.IPv4(10, 1, 128+high, low), Mask: net.CIDRMask(16, 32)}
		if err := masquerade.Add(a, []*net.IPNet{address}, nat.Options{}); err != nil {
			return fmt.Errorf("masquerade %v: %w", address, err)
		}
		port := spoof.Port{Name: fmt.Sprintf("crowd%d", i), MAC: net.HardwareAddr{2, 0, 0, 0, high, low}}
		if err := spoof.Add(a, port); err != nil {
			return fmt.Errorf("restrict %s: %w", port.Name, err)
		}
	}
	return nil
}

func disperseBridged(n int) error {
	if n == 0 {
		return nil
	}
	return errors.Join(nat.GC(crowded, nil), spoof.GC(crowded, nil))
}

// gatherMapped gives attachments a host port each.
func (s scenario) gatherMapped(id, backend string) error {
	for i := range s.mapped {
		conf := fmt.Sprintf(`{"cniVersion":"1.1.0","name":%q,"type":"portmap","backend":%q,
			"runtimeConfig":{"portMappings":[{"hostPort":%d,"containerPort":80,"protocol":"tcp"}]},
			"prevResult":{"cniVersion":"1.1.0","ips":[{"address":"10.1.%d.%d/16"}]}}`, crowded, backend, 10_000+i, 128+i>>8, i&0xff)
		args := &skel.CmdArgs{ContainerID: fmt.Sprintf("container%d", i), Netns: netnsFolder + "/" + id, IfName: "eth0", StdinData: []byte(conf)}
		if _, err := portmap.Plugin.Run("ADD", args); err != nil {
			return fmt.Errorf("map a port: %w", err)
		}
	}
	return nil
}

func (s scenario) disperseMapped() error {
	if s.mapped == 0 {
		return nil
	}
	conf := fmt.Sprintf(`{"cniVersion":"1.1.0","name":%q,"type":"portmap","cni.dev/valid-attachments":[]}`, crowded)
	_, err := portmap.Plugin.Run("GC", &skel.CmdArgs{StdinData: []byte(conf)})
	return err
}

// gatherForeign makes n rules that are nobody's.
func gatherForeign(n int) error {
	if n == 0 {
		return nil
	}
	var rules bytes.Buffer
	rules.WriteString("add table inet foreign\nadd chain inet foreign rules\n")
	for i := range n {
		fmt.Fprintf(&rules, "add rule inet foreign rules ip saddr 198.18.%d.%d tcp dport 80 counter comment \"somebody's\"\n", i>>8&0xff, i&0xff)
	}
	nft := command("nft", "-f", "-")
	nft.Stdin = &rules
	return nft.Run()
}

func disperseForeign(n int) error {
	if n == 0 {
		return nil
	}
	return command("nft", "delete", "table", "inet", "foreign").Run()
}
