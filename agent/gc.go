package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/containernetworking/cni/libcni"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// gcTimeout bounds a question to the runtime, and the removal of an attachment.
const gcTimeout = time.Minute

// maxAnswer is how many bytes a runtime's answer may have, as kubelets and runtimes have it: it
// tells the annotations of all pods.
const maxAnswer = 16 << 20

// gc removes attachments whose containers the runtime does not know any longer: their
// records were lost, or it was killed amid a removal. Kubelets and containerd have
// attachments removed of those alone that they know.
type gc struct {
	binDir string
	// socket is the path of the runtime's CRI.
	socket string
	// stateDir has the results of libcni, and host-local's leases: /var/lib/cni.
	stateDir string
	// grace is how old an attachment must be: the runtime does not list a container
	// whose network is being made. The kubelet gives that up after four minutes.
	grace time.Duration
}

// collect removes what has vanished of the network, and returns how many attachments that
// were.
//
// It does so by the DEL of each, not by the GC of all: that takes a list of those to be
// kept, and would remove what an ADD is making meanwhile.
func (g gc) collect(ctx context.Context, list *libcni.NetworkConfigList) (removed int, err error) {
	old, err := attachmentsBefore(g.stateDir, list.Name, time.Now().Add(-g.grace))
	if err != nil || len(old) == 0 {
		return 0, err
	}
	alive, err := g.containers(ctx)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, a := range old {
		if alive[a.container] {
			continue
		}
		if err := g.remove(ctx, list, a); err != nil {
			errs = append(errs, fmt.Errorf("remove what container %s has left: %w", a.container, err))
			continue
		}
		slog.Info("removed what a container has left that the runtime does not know", "container", a.container, "interface", a.ifName)
		removed++
	}
	return removed, errors.Join(errs...)
}

func (g gc) remove(ctx context.Context, list *libcni.NetworkConfigList, a attachment) error {
	ctx, cancel := context.WithTimeout(ctx, gcTimeout)
	defer cancel()
	cni := libcni.NewCNIConfigWithCacheDir([]string{g.binDir}, g.stateDir, nil)
	return cni.DelNetworkList(ctx, list, &libcni.RuntimeConf{ContainerID: a.container, IfName: a.ifName})
}

// containers asks the runtime which ones it has, be they running or not.
func (g gc) containers(ctx context.Context) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, gcTimeout)
	defer cancel()
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", g.socket)
	}
	client, err := grpc.NewClient("passthrough:///cri", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(dial), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	response, err := runtimeapi.NewRuntimeServiceClient(client).ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		return nil, fmt.Errorf("ask the runtime at %s for its containers: %w", g.socket, err)
	}
	alive := map[string]bool{}
	for _, sandbox := range response.Items {
		alive[sandbox.Id] = true
	}
	return alive, nil
}
