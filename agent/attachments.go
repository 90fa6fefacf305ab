package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// attachment is an interface of a container, in the agent's network.
type attachment struct{ container, ifName string }

// trace is what there is of an attachment.
type trace struct {
	// latest is when the youngest of it was written.
	latest time.Time
	// isOther says that its container is no pod.
	isOther bool
}

// traces returns those of the attachments of a network. They are, below the directory,
// libcni's results, which are written when an ADD has ended, and host-local's leases, which are
// written early in it.
func traces(stateDir, network string) (map[attachment]trace, error) {
	found := map[attachment]trace{}
	note := func(a attachment, written time.Time, isOther bool) {
		t := found[a]
		t.isOther = t.isOther || isOther
		if written.After(t.latest) {
			t.latest = written
		}
		found[a] = t
	}
	err := eachFile(filepath.Join(stateDir, "results"), func(info fs.FileInfo, text []byte) {
		if a, isPod, ok := parseResult(text, network); ok {
			note(a, info.ModTime(), !isPod)
		}
	})
	if err != nil {
		return nil, err
	}
	err = eachFile(filepath.Join(stateDir, "networks", network), func(info fs.FileInfo, text []byte) {
		if a, ok := parseLease(info.Name(), text); ok {
			note(a, info.ModTime(), false)
		}
	})
	return found, err
}

// eachFile hands the files of a directory to f. There are none if it does not exist. When a
// file was changed and what it says are of the same one, even if another takes its place
// meanwhile: an address is given to another container.
func eachFile(dir string, f func(fs.FileInfo, []byte)) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if info, text, err := readFile(filepath.Join(dir, e.Name())); err == nil { // or removed meanwhile
			f(info, text)
		}
	}
	return err
}

func readFile(path string) (fs.FileInfo, []byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(file)
	return info, text, err
}

// parseResult reads what libcni keeps of an attachment, and whether it is a pod's: runtimes of
// Kubernetes tell the plugins its name.
func parseResult(text []byte, network string) (a attachment, isPod, ok bool) {
	var cached struct {
		ContainerID string      `json:"containerId"`
		IfName      string      `json:"ifName"`
		Network     string      `json:"networkName"`
		Args        [][2]string `json:"cniArgs"`
	}
	err := json.Unmarshal(text, &cached)
	isPod = slices.ContainsFunc(cached.Args, func(arg [2]string) bool { return arg[0] == "K8S_POD_NAME" })
	ok = err == nil && cached.Network == network && cached.ContainerID != "" && cached.IfName != ""
	return attachment{cached.ContainerID, cached.IfName}, isPod, ok
}

// parseLease reads the file of an address, in which upstream and these plugins write the
// container, and in a line of its own the interface.
func parseLease(name string, text []byte) (attachment, bool) {
	_, err := netip.ParseAddr(name)
	container, ifName, _ := strings.Cut(strings.TrimSpace(string(text)), "\r\n")
	return attachment{container, ifName}, err == nil && container != "" && ifName != ""
}
