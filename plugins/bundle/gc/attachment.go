package gc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/sandbox"
)

// cacheKind is what libcni's files of attachments say that they are, since release 0.8.
const cacheKind = "cniCacheV1"

// attachment is one that a runtime has added and not deleted, as libcni keeps it.
type attachment struct {
	// path of the file and what is in it, or empty.
	path string
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

func (a attachment) owner() owner.Attachment {
	return owner.Attachment{Network: a.Network, ContainerID: a.ContainerID, IfName: a.IfName}
}

// namespace returns the path of the container's namespace. Before 1.2.1, libcni kept it
// only as far as a plugin had put it into the result.
func (a attachment) namespace() string {
	if a.Netns != "" {
		return a.Netns
	}
	var result struct {
		Interfaces []struct {
			Sandbox string `json:"sandbox"`
		} `json:"interfaces"`
	}
	_ = json.Unmarshal(a.Result, &result)
	for _, i := range result.Interfaces {
		if i.Sandbox != "" {
			return i.Sandbox
		}
	}
	return ""
}

// isAsRead reports whether the file has not changed since. A runtime may have deleted the
// attachment, or added it again.
func (a attachment) isAsRead() bool {
	if a.path == "" {
		return true
	}
	text, err := os.ReadFile(a.path)
	return err == nil && bytes.Equal(a.text, text)
}

// readCache returns the attachments that libcni knows. An error is about those that
// cannot be read, or, if there are none, about all.
func (o options) readCache() ([]attachment, error) {
	dir := filepath.Join(o.cacheDir, "results")
	entries, err := os.ReadDir(dir)
	if record.IsMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var errs []error
	cached := []attachment{}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		text, err := os.ReadFile(path)
		if record.IsMissing(err) {
			continue // deleted meanwhile
		}
		a := attachment{path: path, text: text}
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

// recordings are where plugins keep records that tell of a container.
var recordings = []string{"/run/cni/firewall/attachments", "/run/cni/portmap"}

// recordedGone returns the attachments whose records say that they are gone, of which
// libcni knows nothing.
func recordedGone(cached ...[]attachment) ([]attachment, error) {
	known := map[owner.Attachment]bool{}
	for _, list := range cached {
		for _, a := range list {
			known[a.owner()] = true
		}
	}
	var gone []attachment
	var errs []error
	for _, dir := range recordings {
		names, err := record.Names(dir)
		errs = append(errs, err)
		for _, name := range names {
			var kept struct {
				owner.Attachment
				Sandbox sandbox.Sandbox `json:"sandbox"`
			}
			found, err := record.Read(filepath.Join(dir, name), &kept)
			errs = append(errs, err)
			if !found || kept.IfName == "" || known[kept.Attachment] || !kept.Sandbox.IsGone() {
				continue
			}
			known[kept.Attachment] = true
			gone = append(gone, attachment{
				Network: kept.Network, ContainerID: kept.ContainerID, IfName: kept.IfName, Netns: kept.Sandbox.Netns,
			})
		}
	}
	return gone, errors.Join(errs...)
}
