package integration

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// The documentation does what it says. A block of the kind "console" has commands behind
// "# " and what they print, in which "…" stands for anything, and a line of it alone for any
// lines. A block behind a paragraph that ends with a path and a colon, as "`/etc/x`:", is that
// file. Each document has a node of its own, with an uplink, eth0, to a neighbour in the
// namespace "outside".
func TestDocumentation(t *testing.T) {
	t.Parallel()
	tools := os.Getenv("TEST_TOOLS")
	if tools == "" {
		t.Skip("$TEST_TOOLS, the folder of cnitool, is not set")
	}
	bundled := bundle(t)
	documents, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(documents, "../README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			shell := newShell(t, filepath.Dir(bundled)+":"+tools)
			for _, b := range blocks(string(text)) {
				shell.do(b)
			}
		})
	}
}

// block is one of a document: a file that is to be there, or commands.
type block struct {
	line             int // where it begins
	kind, path, text string
}

var target = regexp.MustCompile("`(/[^`]+)`:$")

// blocks finds the blocks of a document that matter.
func blocks(document string) []block {
	var list []block
	var open *block
	before := ""
	for i, line := range strings.Split(document, "\n") {
		switch kind, fence := strings.CutPrefix(line, "```"); {
		case !fence && open != nil:
			open.text += line + "\n"
		case fence && open != nil:
			if open.kind == "console" || open.path != "" {
				list = append(list, *open)
			}
			open, before = nil, ""
		case fence:
			open = &block{line: i + 1, kind: kind}
			if m := target.FindStringSubmatch(before); m != nil {
				open.path = m[1]
			}
		case line != "":
			before = line
		}
	}
	return list
}

// session is a shell on a node.
type session struct {
	testing.TB
	in  io.Writer
	out *bufio.Reader
}

// furnish makes what a document finds: an uplink, and folders of the administrator that are
// the node's own.
const furnish = `set -e
for folder in etc opt; do
	mkdir -p /run/over/$folder/{upper,work}
	mount -t overlay overlay -o lowerdir=/$folder,upperdir=/run/over/$folder/upper,workdir=/run/over/$folder/work /$folder
done
rm -rf /etc/cni /opt/cni
mkdir -p /etc/cni/net.d
ip netns add outside
ip link add eth0 type veth peer name eth0 netns outside
ip link set eth0 addrgenmode none up
ip -n outside link set eth0 addrgenmode none up
ip address add 192.0.2.10/24 dev eth0
ip address add 2001:db8::10/64 dev eth0 nodad
ip -n outside address add 192.0.2.1/24 dev eth0
ip -n outside address add 2001:db8::1/64 dev eth0 nodad
ip address add fe80::10/64 dev eth0 nodad
ip -n outside address add fe80::1/64 dev eth0 nodad
ip route add default via 192.0.2.1
ip route add default via 2001:db8::1
unset CNI_TEST_BIN
set +e
cd /run
`

func newShell(t *testing.T, path string) *session {
	n := node.New(t)
	cmd := exec.Command("bash")
	cmd.Env = append(os.Environ(), "PATH="+path+":"+os.Getenv("PATH"), "LC_ALL=C.UTF-8")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := n.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	s := &session{TB: t, in: in, out: bufio.NewReader(out)}
	if got := s.run(furnish); got != "" {
		t.Fatalf("furnish the node: %s", got)
	}
	return s
}

// mark ends the output of a command.
const mark = "--- end of output ---\n"

// run gives the shell commands and returns what they print.
func (s *session) run(commands string) string {
	s.Helper()
	if _, err := fmt.Fprintf(s.in, "{ %s\n} </dev/null 2>&1; printf '%%s' '%s'\n", commands, mark); err != nil {
		s.Fatal(err)
	}
	var got strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		got.WriteString(line)
		if text, ok := strings.CutSuffix(got.String(), mark); ok {
			return text
		}
		if err != nil {
			s.Fatalf("the shell ends: %v\n%s", err, got.String())
		}
	}
}

// do does what a block says.
func (s *session) do(b block) {
	s.Helper()
	if b.path != "" {
		s.run("mkdir -p " + filepath.Dir(b.path) + "; cat >" + b.path + " <<'.'\n" + b.text + ".")
		return
	}
	for _, part := range regexp.MustCompile(`(?m)^# `).Split(b.text, -1)[1:] {
		command, want := cutCommand(part)
		got := s.run(command)
		s.Logf("# %s\n%s", command, got)
		if !matches(got, want) {
			s.Errorf("line %d: # %s\n--- prints\n%s--- instead of\n%s", b.line, command, got, want)
		}
	}
}

// cutCommand parts a command, of several lines if those end in a backslash, or belong to a
// text in quotes, from what it prints.
func cutCommand(text string) (command, output string) {
	for line := range strings.Lines(text) {
		command += line
		if !strings.HasSuffix(line, "\\\n") {
			break
		}
	}
	return strings.TrimSuffix(command, "\n"), text[len(command):]
}

// matches compares an output, but for spaces at the ends of lines, with a text that has "…"
// in it.
func matches(got, want string) bool {
	got = regexp.MustCompile(`(?m)[ \t]+$`).ReplaceAllString(got, "")
	pattern := regexp.QuoteMeta(want)
	pattern = regexp.MustCompile(`(?m)^…\n`).ReplaceAllString(pattern, `(?:.*\n)*`)
	pattern = strings.ReplaceAll(pattern, "…", `.*`)
	return regexp.MustCompile(`\A` + pattern + `\z`).MatchString(got)
}
