package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// about is what was measured, on what, and when.
type about struct {
	Date    string `json:"date"` // RFC 3339, UTC
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	Kernel  string `json:"kernel"`
	Machine string `json:"machine"`         // architecture, processors and memory
	Other   string `json:"other,omitempty"` // the plugins that ours are compared with
}

func lookAround(repository, other string) (about, error) {
	a := about{Date: time.Now().UTC().Format(time.RFC3339), Go: runtime.Version()}
	commit, err := exec.Command("git", "-C", repository, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*").Output()
	if err != nil {
		return about{}, fmt.Errorf("ask git for the commit: %w", err)
	}
	a.Commit = strings.TrimSpace(string(commit))
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return about{}, err
	}
	a.Kernel = strings.TrimSpace(string(release))
	a.Machine = fmt.Sprintf("%s, %d × %s, %s", runtime.GOARCH, runtime.NumCPU(), field("/proc/cpuinfo", "model name"), memory())
	if other != "" {
		a.Other = origin(other)
	}
	return a, nil
}

// memory is that of the machine.
func memory() string {
	kibibytes, err := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"))
	if err != nil {
		return "memory unknown"
	}
	return fmt.Sprintf("%.1f GiB of memory", float64(kibibytes)/(1<<20))
}

// field is the first value of a file with lines "name: value", or "unknown".
func field(path, name string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// origin is what plugins say that they are, else Debian's package that they come from, else
// their folder.
func origin(folder string) string {
	plugin := filepath.Join(folder, "loopback")
	out, _ := exec.Command(plugin).CombinedOutput()
	line, _, _ := strings.Cut(string(out), "\n")
	if version := line[strings.LastIndex(line, " ")+1:]; strings.HasPrefix(version, "v") {
		return "containernetworking/plugins " + version
	}
	owner, _ := exec.Command("dpkg-query", "--search", plugin).Output()
	if name, _, ok := strings.Cut(string(owner), ":"); ok {
		if out, err := exec.Command("dpkg-query", "--show", "--showformat=${Package} ${Version}", name).Output(); err == nil {
			return regexp.MustCompile(`[+-]\S*$`).ReplaceAllString(string(out), "") // without Debian's part
		}
	}
	return folder
}
