package iptables

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Installed reports whether iptables is there to run. It starts no process.
func Installed() bool {
	_, err := find(IPv4.tool("-restore"))
	return err == nil
}

// Available returns an error if it is not.
func Available() error {
	if !Installed() {
		return errors.New("iptables is not installed")
	}
	return nil
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
