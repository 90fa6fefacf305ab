package daemon

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/plugin/flagset"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/config"
)

// Options are the flags of the daemon.
type Options struct {
	// PidFile gets the number of the process. Default: none.
	PidFile string
	// HostPrefix is put in front of the paths of the socket, of the leases and of
	// namespaces.
	HostPrefix string
	// SocketPath is where clients connect.
	SocketPath string
	// Broadcast asks servers to answer to everybody.
	Broadcast bool
	// Timeout bounds one exchange with a server. An ADD begins another one after a
	// pause, as does who keeps a lease.
	Timeout time.Duration
	// ResendMax bounds the wait before a message is sent again.
	ResendMax time.Duration
	// ResendTimeout bounds what an ADD or another call takes, with all exchanges.
	ResendTimeout time.Duration
}

// parseOptions reads the arguments of the daemon.
func parseOptions(args []string) (Options, error) {
	var o Options
	flags := flag.NewFlagSet("daemon", flag.ContinueOnError)
	flags.StringVar(&o.PidFile, "pidfile", "", "write the process id to this `path`")
	flags.StringVar(&o.HostPrefix, "hostprefix", "", "put this `prefix` before the paths of socket, leases and namespaces")
	flags.StringVar(&o.SocketPath, "socketpath", config.DefaultSocket, "listen at this `path`")
	flags.BoolVar(&o.Broadcast, "broadcast", false, "ask servers to broadcast their answers")
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Second, "end an exchange without an answer after this `time`, and begin another one")
	flags.DurationVar(&o.ResendMax, "resendmax", 62*time.Second, "send a message again after this `time` at the latest")
	flags.DurationVar(&o.ResendTimeout, "resendtimeout", 208*time.Second, "give up getting a lease after this `time`")
	if err := flagset.Parse(flags, args); err != nil {
		return o, err
	}
	for name, value := range map[string]time.Duration{"timeout": o.Timeout, "resendmax": o.ResendMax, "resendtimeout": o.ResendTimeout} {
		if value <= 0 {
			return o, fmt.Errorf("%w: -%s must be more than 0", plugin.ErrUsage, name)
		}
	}
	return o, nil
}

// writePidFile writes the file that -pidfile names.
func (o Options) writePidFile() (made, error) {
	if o.PidFile == "" {
		return made{}, nil
	}
	if !filepath.IsAbs(o.PidFile) {
		//lint:ignore ST1005 callers match upstream's text
		return made{}, fmt.Errorf("Error writing pidfile %q: path not absolute", o.PidFile)
	}
	if err := os.WriteFile(o.PidFile, []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		//lint:ignore ST1005 callers match upstream's text
		return made{}, fmt.Errorf("Error writing pidfile %q: %w", o.PidFile, err)
	}
	return justMade(o.PidFile), nil
}
