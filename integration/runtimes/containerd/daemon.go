// Package containerd starts containerd and asks it for pods through its CRI, as the kubelet
// does. All of its state is in /run/containerd and /var/lib/containerd.
package containerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/containernetworking/plugins/integration/runtimes/image"
	"github.com/containernetworking/plugins/integration/runtimes/machine"
)

const (
	runDir  = "/run/containerd"
	socket  = runDir + "/containerd.sock"
	logFile = runDir + "/containerd.log"
)

// patience is how long containerd may take for one request.
const patience = 2 * time.Minute

// Daemon is a containerd.
type Daemon struct {
	// Programs is the folder of containerd and its shim. Default: those in PATH.
	Programs string
	// Networks is how many of the configurations in machine.ConfDir each pod is attached to.
	Networks int

	process *exec.Cmd
	conn    *grpc.ClientConn
	runtime cri.RuntimeServiceClient
}

// config is understood by all versions since 1.0. An oom_score_adj below the daemon's own
// takes a capability that root may lack.
const config = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd/state"
[grpc]
  address = "` + socket + `"
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + image.Name + `"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "` + machine.BinDir + `"
    conf_dir = "` + machine.ConfDir + `"
    max_conf_num = %d
`

// Start starts the daemon, with the state of the one that ran before it, and returns when it
// answers and has an image for pods.
func (d *Daemon) Start() error {
	if err := os.MkdirAll(runDir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(runDir, "config.toml")
	if err := os.WriteFile(path, fmt.Appendf(nil, config, max(d.Networks, 1)), 0o600); err != nil {
		return err
	}
	if err := d.launch(path); err != nil {
		return err
	}
	if err := d.connect(); err != nil {
		return errors.Join(err, d.End(syscall.SIGKILL))
	}
	return nil
}

func (d *Daemon) launch(config string) error {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	d.process = exec.Command(d.program("containerd"), "--config", config)
	d.process.Stdout, d.process.Stderr = log, log
	if d.Programs != "" {
		d.process.Env = append(os.Environ(), "PATH="+d.Programs+":"+os.Getenv("PATH"))
	}
	return d.process.Start()
}

func (d *Daemon) program(name string) string { return filepath.Join(d.Programs, name) }

// connect waits until containerd serves.
func (d *Daemon) connect() error {
	var err error
	d.conn, err = grpc.NewClient("unix://"+socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		return err
	}
	d.runtime = cri.NewRuntimeServiceClient(d.conn)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// Its socket is there before all of its services are.
	for {
		if _, err = d.runtime.Version(ctx, &cri.VersionRequest{}); err == nil || ctx.Err() != nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("containerd does not answer: %w\n%s", err, d.Log())
	}
	return d.load(ctx)
}

// load gives containerd the image for pods.
func (d *Daemon) load(ctx context.Context) error {
	archive := filepath.Join(runDir, "image.tar")
	if err := image.Write(archive); err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	out, err := exec.CommandContext(ctx, d.program("ctr"), "--address", socket, "--namespace", "k8s.io", "image", "import", archive).CombinedOutput()
	if err != nil {
		return fmt.Errorf("import the image: %w: %s", err, out)
	}
	return nil
}

// End sends the daemon a signal and waits for its end. Pods go on.
func (d *Daemon) End(signal syscall.Signal) error {
	if d.conn != nil {
		d.conn.Close()
	}
	if err := d.process.Process.Signal(signal); err != nil {
		return err
	}
	var exit *exec.ExitError
	if err := d.process.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}

// Log is what the daemon has logged.
func (d *Daemon) Log() string {
	log, err := os.ReadFile(logFile)
	if err != nil {
		return err.Error()
	}
	return string(log)
}
