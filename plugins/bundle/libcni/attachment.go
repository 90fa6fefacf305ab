// Package libcni reads what the CNI library of a runtime keeps on the node: configurations of
// networks, and the attachments that were added and not deleted. It calls plugins as the
// library does.
package libcni

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/unpolled"
)

// cacheKind is what libcni's files of attachments say that they are, since release 0.8.
const cacheKind = "cniCacheV1"

// Attachment is one that a runtime has added and not deleted, as libcni keeps it.
type Attachment struct {
	// Path of the file and what is in it, or empty.
	Path string `json:"-"`
	text []byte

	Kind           string                     `json:"kind"`
	ContainerID    string                     `json:"containerId"`
	IfName         string                     `json:"ifName"`
	Network        string                     `json:"networkName"`
	Netns          string                     `json:"netns"`
	Args           [][2]string                `json:"cniArgs"`
	CapabilityArgs map[string]json.RawMessage `json:"capabilityArgs"`
	Result         json.RawMessage            `json:"result"`
	// Config is that of its network at the time of the ADD.
	Config []byte `json:"config"`
}

// Owner returns what plugins know the attachment by.
func (a Attachment) Owner() owner.Attachment {
	return owner.Attachment{Network: a.Network, ContainerID: a.ContainerID, IfName: a.IfName}
}

// Namespace returns the path of the container's namespace. Before 1.2.1, libcni kept it
// only as far as a plugin had put it into the result.
func (a Attachment) Namespace() string {
	if a.Netns != "" {
		return a.Netns
	}
	for _, i := range a.result().Interfaces {
		if i.Sandbox != "" {
			return i.Sandbox
		}
	}
	return ""
}

// Addresses returns those of the result of the ADD: all but those of interfaces with other
// names.
func (a Attachment) Addresses() []netip.Addr {
	result := a.result()
	var addresses []netip.Addr
	for _, ip := range result.IPs {
		if i := ip.Interface; i != nil && *i >= 0 && *i < len(result.Interfaces) && result.Interfaces[*i].Name != a.IfName {
			continue
		}
		addresses = append(addresses, ip.Address.Addr())
	}
	return addresses
}

// Gateways returns those of the result.
func (a Attachment) Gateways() []netip.Addr {
	var gateways []netip.Addr
	for _, ip := range a.result().IPs {
		if ip.Gateway.IsValid() {
			gateways = append(gateways, ip.Gateway)
		}
	}
	return gateways
}

// IsOfProgram reports whether a program in the container may drive the interface, in place of the
// kernel: then the result has it without a hardware address.
func (a Attachment) IsOfProgram() bool {
	for _, i := range a.result().Interfaces {
		if i.Name == a.IfName && i.Sandbox != "" {
			return i.MAC == ""
		}
	}
	return false
}

// NameServers returns the DNS servers of the result.
func (a Attachment) NameServers() []netip.Addr { return a.result().DNS.NameServers }

// HostInterfaces returns the names of the result's interfaces that are the host's.
func (a Attachment) HostInterfaces() []string {
	var names []string
	for _, i := range a.result().Interfaces {
		if i.Sandbox == "" {
			names = append(names, i.Name)
		}
	}
	return names
}

// result is what is of interest of the result of an ADD.
type result struct {
	Interfaces []struct {
		Name    string `json:"name"`
		MAC     string `json:"mac"`
		Sandbox string `json:"sandbox"`
	} `json:"interfaces"`
	IPs []struct {
		Address   netip.Prefix `json:"address"`
		Gateway   netip.Addr   `json:"gateway"`
		Interface *int         `json:"interface"`
	} `json:"ips"`
	DNS struct {
		NameServers []netip.Addr `json:"nameservers"`
	} `json:"dns"`
}

// result is empty if there is none, or one of another version's form.
func (a Attachment) result() (r result) {
	_ = json.Unmarshal(a.Result, &r)
	return r
}

// IsAsRead reports whether the file has not changed since. A runtime may have deleted the
// attachment, or added it again.
func (a Attachment) IsAsRead() bool {
	if a.Path == "" {
		return true
	}
	text, err := unpolled.ReadFile(a.Path)
	return err == nil && bytes.Equal(a.text, text)
}

// ReadCache returns the attachments that libcni knows. An error is about those that
// cannot be read, or, if there are none, about all.
func ReadCache(cacheDir string) ([]Attachment, error) {
	dir := filepath.Join(cacheDir, "results")
	entries, err := os.ReadDir(dir)
	if record.IsMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var errs []error
	cached := []Attachment{}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		text, err := unpolled.ReadFile(path)
		if record.IsMissing(err) {
			continue // deleted meanwhile
		}
		a := Attachment{Path: path, text: text}
		if err == nil {
			err = json.Unmarshal(text, &a)
		}
		if err == nil && (a.Kind != cacheKind || a.Network == "" || a.ContainerID == "" || a.IfName == "") {
			err = errors.New("no attachment as libcni has kept them since 0.8")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
			continue
		}
		cached = append(cached, a)
	}
	return cached, errors.Join(errs...)
}
