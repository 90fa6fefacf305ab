// Package doctor tries what a person would try, one thing after the other, when containers
// have no network, and says what is wrong and what to do. It changes nothing.
package doctor

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/bundle/cli"
)

// Verdict is how bad a finding is.
type Verdict string

// A Warning may be meant so. With a Fault, some container does not get what its configuration
// promises.
const (
	OK      Verdict = "ok"
	Warning Verdict = "warning"
	Fault   Verdict = "fault"
)

// Finding is what a check has found.
type Finding struct {
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	Text    string  `json:"text"`
	// Advice says what to do; empty if that is nothing.
	Advice string `json:"advice,omitempty"`
}

func ok(format string, args ...any) Finding {
	return Finding{Verdict: OK, Text: fmt.Sprintf(format, args...)}
}

func warning(advice, format string, args ...any) Finding {
	return Finding{Verdict: Warning, Text: fmt.Sprintf(format, args...), Advice: advice}
}

func fault(advice, format string, args ...any) Finding {
	return Finding{Verdict: Fault, Text: fmt.Sprintf(format, args...), Advice: advice}
}

// check is one thing to look at.
type check struct {
	name string
	run  func(*patient) []Finding
	// probes says that it is for a container that somebody has named.
	probes bool
}

// checks are all, in the order in which a person would try them.
func checks() []check {
	return []check{
		{name: "configuration", run: configuration},
		{name: "plugins", run: executables},
		{name: "STATUS", run: status},
		{name: "forwarding", run: forwarding},
		{name: "rp_filter", run: reversePath},
		{name: "bridge-nf-call", run: bridgeNetfilter},
		{name: "FORWARD policy", run: forwardPolicy},
		{name: "iptables variants", run: variants},
		{name: "foreign rules", run: foreignRules},
		{name: "pools", run: pools},
		{name: "leftovers", run: leftovers},
		{name: "CHECK", run: attachments},
		{name: "MTU", run: mtu},
		{name: "other managers", run: managers},
		{name: "names of interfaces", run: names},
		{name: "gateway", run: gateway, probes: true},
		{name: "DNS", run: nameServers, probes: true},
		{name: "published ports", run: ports, probes: true},
	}
}

// Command is the command `doctor`.
func Command(plugins []*plugin.Plugin) cli.Command {
	p := patient{plugins: plugins}
	var asJSON bool
	return cli.Command{
		Name: "doctor", Arguments: "[CONTAINER]",
		Summary: "look for what may be wrong with the networks of this node, or of a container, and say what to do",
		Details: "It changes nothing. CONTAINER is an ID or the beginning of one: then its attachments alone get a CHECK, and\n" +
			"its gateway, DNS servers and published ports are tried. The exit status is 1 if there is a fault.",
		Flags: func(f *flag.FlagSet) {
			f.BoolVar(&asJSON, "json", false, "print a list in JSON")
			f.StringVar(&p.confDir, "conf-dir", "/etc/cni/net.d", "the `directory` with the runtime's network configurations")
			f.StringVar(&p.binDir, "bin-dir", "/opt/cni/bin", "the `directory` with the plugins")
			f.StringVar(&p.cacheDir, "cache-dir", "/var/lib/cni", "the `directory` with what the runtime knows of attachments, in results")
			f.Var(&p.netns, "netns", "a `directory` with the namespaces of containers, if it is not where the runtime says; may be repeated")
			f.DurationVar(&p.limit, "timeout", 10*time.Second, "give up a check after this `time`")
		},
		Run: func(args []string) error {
			switch {
			case len(args) > 1:
				return plugin.NoArguments(args[1:])
			case len(args) == 1:
				p.container = args[0]
			}
			p.read()
			if p.container != "" && len(p.chosen()) == 0 {
				return fmt.Errorf("no container %q has anything here", p.container)
			}
			return p.report(asJSON)
		},
	}
}

// errFaults makes the exit status 1.
var errFaults = errors.New("there are faults")

// report makes all checks and prints what they find, each as soon as it is known.
func (p *patient) report(asJSON bool) error {
	var all []Finding
	faulty := false
	for _, c := range checks() {
		if c.probes && p.container == "" {
			continue
		}
		for _, f := range p.examine(c) {
			f.Check = c.name
			faulty = faulty || f.Verdict == Fault
			all = append(all, f)
			if !asJSON {
				f.print()
			}
		}
	}
	if asJSON {
		if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
			return err
		}
	}
	if faulty {
		return errFaults
	}
	return nil
}

// examine makes a check, for as long as there is time.
func (p *patient) examine(c check) []Finding {
	done := make(chan []Finding, 1)
	go func() {
		var found []Finding
		err := plugin.Guard(func() error { found = c.run(p); return nil })
		if err != nil {
			found = []Finding{warning("", "%v", err)}
		}
		done <- found
	}()
	select {
	case found := <-done:
		return found
	case <-time.After(p.limit):
		return []Finding{warning("", "no answer within %v", p.limit)}
	}
}

var colours = map[Verdict]cli.Colour{OK: cli.Green, Warning: cli.Yellow, Fault: cli.Red}

func (f Finding) print() {
	text := strings.ReplaceAll(strings.TrimSpace(f.Text), "\n", "; ")
	fmt.Printf("%s  %s: %s\n", cli.Paint(colours[f.Verdict], fmt.Sprintf("%-7s", f.Verdict)), f.Check, text)
	if f.Advice != "" {
		fmt.Printf("         %s\n", f.Advice)
	}
}
