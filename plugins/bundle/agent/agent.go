// Package agent is the command that becomes the node agent, which is a program of its own: what
// it needs to talk to Kubernetes must not come near the plugins.
package agent

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/plugins/bundle/cli"
)

// name is that of the agent's executable.
const name = "cni-plugins-agent"

// Command replaces this process by the agent, with the arguments. The agent's executable has to
// be beside this one.
func Command() cli.Command {
	return cli.Command{
		Name: "agent", Arguments: "[ARGUMENT]...", Raw: true,
		Summary: "become the node agent for Kubernetes, whose executable has to be beside this one",
		Run:     become,
	}
}

func become(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	path := filepath.Join(filepath.Dir(self), name)
	if err := unix.Exec(path, append([]string{name}, args...), os.Environ()); err != nil {
		return fmt.Errorf("run %s, the node agent, which is built from the folder agent: %w", path, err)
	}
	return nil
}
