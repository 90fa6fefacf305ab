package tap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// The kernel gives a tap the context of the process that makes it, and only a
// process that is started gets another one by most policies. So the plugin starts
// itself, with a command that is for its own use.
const createCommand = "create"

// execContext is the file that has the context of the next program that the
// thread executes (proc_pid_attr(5)).
const execContext = "/proc/thread-self/attr/exec"

// order is what create gets on standard input.
type order struct {
	Tap   link.Tap
	Owner owner.Attachment
}

// createAs makes a tap with an SELinux context.
func createAs(context string, n *link.Namespace, t link.Tap, a owner.Attachment) error {
	input, err := json.Marshal(order{t, a})
	if err != nil {
		return err
	}
	command := exec.Command("/proc/self/exe", createCommand)
	command.Args[0] = os.Args[0] // the bundle is told by it which plugin it is
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "CNI_") {
			command.Env = append(command.Env, variable)
		}
	}
	var stderr bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(input), &stderr
	// Both the thread's namespace and its context pass to the process.
	err = n.Do(func() error {
		if err := os.WriteFile(execContext, []byte(context), 0); err != nil {
			return fmt.Errorf("failed set socket label: %w", err)
		}
		// An empty line is no context: the next program has nothing to do with it.
		return plugin.Join(command.Start(), os.WriteFile(execContext, []byte("\n"), 0))
	})
	if err != nil {
		return err
	}
	if err := command.Wait(); err != nil {
		return fmt.Errorf("%s (%w)", strings.TrimSpace(stderr.String()), err)
	}
	return nil
}

// create makes a tap in the namespace that it is started in.
func create(args []string) error {
	if err := plugin.NoArguments(args); err != nil {
		return err
	}
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return fmt.Errorf("read what to create: %w", err)
	}
	n, err := link.Host()
	if err != nil {
		return err
	}
	defer n.Close()
	return n.AddTap(o.Tap, o.Owner)
}
