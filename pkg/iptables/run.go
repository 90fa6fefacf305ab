package iptables

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/containernetworking/plugins/pkg/nft"
)

// Family is one of the two protocols that iptables has tools and tables for.
type Family bool

// The families.
const (
	IPv4 Family = false
	IPv6 Family = true
)

func (f Family) command(suffix string) string {
	if f == IPv6 {
		return "ip6tables" + suffix
	}
	return "iptables" + suffix
}

// legacyNames lists the tables that the namespace of the thread has in the
// legacy variant. One that nobody used is not in it.
func (f Family) legacyNames() string {
	if f == IPv6 {
		return "/proc/thread-self/net/ip6_tables_names"
	}
	return "/proc/thread-self/net/ip_tables_names"
}

// nft returns the table that the nft variant keeps a table in.
func (f Family) nft(table string) nft.Table {
	if f == IPv6 {
		return nft.Table{Family: nft.IPv6, Name: table}
	}
	return nft.Table{Family: nft.IPv4, Name: table}
}

// Installed reports whether iptables is there to run. It starts no process.
func Installed() bool {
	_, err := find(IPv4.command("-restore"))
	return err == nil
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

// Apply makes the changes of each transaction and returns an error, or nil, for
// each of them. Those of different families run at the same time. That one fails
// does not take another one back.
func Apply(transactions ...*Transaction) []error {
	errs := make([]error, len(transactions))
	running := make([]*process, len(transactions))
	for i, t := range transactions {
		if !t.Empty() {
			running[i], errs[i] = t.start()
		}
	}
	for i, p := range running {
		if p != nil {
			errs[i] = p.wait()
		}
	}
	return errs
}

func (t *Transaction) start() (*process, error) {
	if t.err != nil {
		return nil, t.err
	}
	input := "*" + t.Table + "\n" + strings.Join(t.lines, "\n") + "\nCOMMIT\n"
	// The legacy variant waits for the lock of others; the nft variant repeats
	// what collides with others' changes.
	return start(t.Family.command("-restore"), input, "--noflush", "--wait")
}

// List returns the rules of a chain in their order, and whether it exists. If
// MayHave says that it does not, no process is started.
func List(f Family, table, chain string) ([]Listed, bool, error) {
	possible, err := MayHave(f, table, chain)
	if err != nil || !possible {
		return nil, false, err
	}
	p, err := start(f.command(""), "", "--wait", "-t", table, "-S", chain)
	if err != nil {
		return nil, false, err
	}
	if err := p.wait(); err != nil {
		// Status 1 is what both variants say of a chain that does not exist.
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == 1 {
			return nil, false, nil
		}
		return nil, false, err
	}
	rules, err := parse(p.stdout.String())
	return rules, true, err
}

// Save returns all rules of a table.
func Save(f Family, table string) ([]Listed, error) {
	contents, err := Read(f, table)
	return contents.Rules, err
}

// MayHave reports whether any of the chains may be there, without a process. It errs
// only where a table of the legacy variant cannot be read, or has a chain's name in
// something else: then it says yes.
func MayHave(f Family, table string, chains ...string) (bool, error) {
	if legacy, err := f.isLegacy(table); err != nil || legacy && f.mayHaveInLegacy(table, chains) {
		return err == nil, err
	}
	return inNFT(func(c *nft.Conn) (bool, error) {
		for _, chain := range chains {
			if found, err := c.HasChain(f.nft(table), chain); err != nil || found {
				return found, err
			}
		}
		return false, nil
	})
}

// inNFT asks the kernel, which may have nothing of what the nft variant uses.
func inNFT(ask func(*nft.Conn) (bool, error)) (bool, error) {
	c, err := nft.Dial()
	if err != nil {
		return false, ignoreNotSupported(err)
	}
	defer c.Close()
	found, err := ask(c)
	return found, ignoreNotSupported(err)
}

// Jump is a rule that leads from a chain to another one.
type Jump struct{ From, To string }

// maxLooked is how many rules of a chain MayJump looks at.
const maxLooked = 200

// MayJump reports whether all of the jumps may be there. It starts no process, and
// so says yes where only one could see: behind many other rules, and in the legacy
// variant unless a chain is a built-in one without any. Where it says no, a change
// that relies on the jumps need not be tried.
func MayJump(f Family, table string, jumps ...Jump) (bool, error) {
	if legacy, err := f.isLegacy(table); err != nil || legacy {
		return err == nil && f.mayJumpInLegacy(table, jumps), err
	}
	return inNFT(func(c *nft.Conn) (bool, error) {
		for _, j := range jumps {
			found, err := c.MayJump(f.nft(table), j.From, j.To, maxLooked)
			if err != nil || !found {
				return false, err
			}
		}
		return true, nil
	})
}

func ignoreNotSupported(err error) error {
	if nft.IsNotSupported(err) {
		return nil
	}
	return err
}

// process is a tool that runs.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

func start(tool, stdin string, args ...string) (*process, error) {
	path, err := find(tool)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(path, args...)}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = strings.NewReader(stdin), &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", tool, err)
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
