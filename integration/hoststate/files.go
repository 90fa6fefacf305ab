package hoststate

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// netnsDir is where named network namespaces are mounted.
const netnsDir = "/run/netns"

// maxShown is the longest file content in bytes that a picture shows; of a
// longer one it shows the hash.
const maxShown = 100

// files lists everything below the directories with its mode and content.
func files(dirs []string) ([]string, error) {
	var lines []string
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil {
				return err
			}
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", path, info.Mode(), content(path, info.Mode()))))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// content describes what is in a file, or where a link leads. What cannot be
// read, such as a mounted namespace, has no content.
func content(path string, mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeSymlink:
		target, _ := os.Readlink(path)
		return "-> " + target
	case 0:
		data, err := os.ReadFile(path)
		switch {
		case err != nil:
			return ""
		case len(data) <= maxShown:
			return fmt.Sprintf("%q", data)
		}
		return fmt.Sprintf("%d bytes, sha256 %x", len(data), sha256.Sum256(data))
	}
	return ""
}

// NetnsMounts lists the paths of the network namespaces that are mounted by name in the
// thread's mount namespace.
func NetnsMounts() ([]string, error) {
	table, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(table)) {
		// proc_pid_mountinfo(5): the fifth field is the mount point.
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], netnsDir+"/") {
			lines = append(lines, fields[4])
		}
	}
	return lines, nil
}

// sysctls lists the switches of the whole host that plugins turn.
func sysctls() ([]string, error) {
	var lines []string
	for _, name := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} {
		value, err := os.ReadFile("/proc/sys/" + name)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		lines = append(lines, name+" = "+strings.TrimSpace(string(value)))
	}
	return lines, nil
}
