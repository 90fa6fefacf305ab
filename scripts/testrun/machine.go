package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// machine is the state that tests must leave as they found it: the lines of each view.
type machine map[string][]string

// views are the commands that show the network of the machine, without what changes
// by itself, as counters and lifetimes do.
func views() [][]string {
	return [][]string{
		{"ip", "-brief", "link"},
		{"ip", "-brief", "address"},
		{"ip", "route"},
		{"ip", "netns", "list"},
		{"nft", "--stateless", "list", "ruleset"},
		{"cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"},
	}
}

func readMachine() (machine, error) {
	m := machine{}
	for _, view := range views() {
		out, err := output(view[0], view[1:]...)
		if err != nil {
			return nil, err
		}
		m[strings.Join(view, " ")] = strings.Split(out, "\n")
	}
	for _, folder := range []string{"/run/cni", "/var/lib/cni"} {
		// An unreadable or missing folder has no files to compare.
		_ = filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				m[folder] = append(m[folder], path)
			}
			return nil
		})
	}
	return m, nil
}

// compare reports each view that has changed as a failed test.
func (m machine) compare(after machine, r *report) {
	for view, lines := range after {
		difference := append(missing("-", m[view], lines), missing("+", lines, m[view])...)
		r.addMachine(view, difference)
	}
	for view, lines := range m {
		if after[view] == nil {
			r.addMachine(view, missing("-", lines, nil))
		}
	}
}

func missing(sign string, lines, from []string) []string {
	var out []string
	for _, line := range lines {
		if !slices.Contains(from, line) {
			out = append(out, sign+line)
		}
	}
	return out
}

func (r *report) addMachine(view string, difference []string) {
	if len(difference) == 0 {
		return
	}
	fmt.Fprintf(r.w, "\nThe tests changed the machine, as %q shows:\n%s\n", view, strings.Join(difference, "\n"))
	r.outcome(testName{"the machine", view}).verdict = "fail"
}
