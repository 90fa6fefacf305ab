package iptables

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Usable reports whether iptables is there to run, and the kernel has what it writes to.
func Usable() bool { return Available() == nil }

// Available returns an error if it is not. A kernel may be without the tables of the legacy
// variant (CONFIG_IP_NF_IPTABLES_LEGACY) while the tools are of that one. Those, which load
// what nobody has used since the boot, are started where the kernel has none so far.
func Available() error {
	if _, err := find(IPv4.tool("-restore")); err != nil {
		return errors.New("iptables is not installed")
	}
	isLegacy, err := IPv4.writesLegacy()
	if err != nil || !isLegacy {
		return err
	}
	if _, err := os.Stat(IPv4.legacyNames()); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	path, err := find(IPv4.tool("-save"))
	if err != nil {
		return err
	}
	p, err := start(path, "", "-t", "filter")
	if err != nil {
		return err
	}
	return p.wait()
}

// find looks for a tool in $PATH, and then where it is installed to: the $PATH
// of a service need not have directories for the administrator.
func find(tool string) (string, error) {
	path, err := exec.LookPath(tool)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, tool)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("failed to locate iptables: %w", err)
}

// writesLegacy reports whether the family's tools are those of the legacy variant.
// Distributions make them links to a program that has the variant in its name
// (xtables-nft-multi, xtables-legacy-multi; xtables-multi before iptables 1.8, which
// knew no other variant). Only what is called otherwise is started, to say it.
func (f Family) writesLegacy() (bool, error) {
	path, err := find(f.tool("-restore"))
	if err != nil {
		return false, err
	}
	program, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false, fmt.Errorf("find iptables: %w", err)
	}
	switch name := filepath.Base(program); {
	case strings.Contains(name, "nft"):
		return false, nil
	case strings.Contains(name, "legacy"), name == "xtables-multi":
		return true, nil
	}
	p, err := start(path, "", "--version")
	if err == nil {
		err = p.wait()
	}
	if err != nil {
		return false, err
	}
	return !strings.Contains(p.stdout.String(), "nf_tables"), nil
}

// process is a tool that runs.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

func start(path, stdin string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...)}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = strings.NewReader(stdin), &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(path), err)
	}
	return p, nil
}

// wait returns an error with what the tool printed if it fails.
func (p *process) wait() error {
	err := p.cmd.Wait()
	if err == nil {
		return nil
	}
	message := strings.TrimSpace(p.stderr.String())
	return fmt.Errorf("%s: %w: %s", strings.Join(append([]string{filepath.Base(p.cmd.Path)}, p.cmd.Args[1:]...), " "), err, message)
}
