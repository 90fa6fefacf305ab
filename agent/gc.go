package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
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

// removeVanished removes attachments of the network whose containers the runtime does not know
// any longer, and returns how many that were: their records were lost, or it was killed amid a
// removal. Kubelets and containerd have attachments removed of those alone that they know.
//
// It does so by the DEL of each, not by the GC of all: that takes a list of those to be
// kept, and would remove what an ADD is making meanwhile. For the same reason they have to be
// old: the runtime does not list a container whose network is being made, which the kubelet
// gives up after four minutes.
func (a *agent) removeVanished(ctx context.Context, list *libcni.NetworkConfigList) (removed int, err error) {
	old, err := traces(a.stateDir, list.Name)
	end := time.Now().Add(-a.gcGrace)
	maps.DeleteFunc(old, func(_ attachment, t trace) bool { return t.isOther || !t.latest.Before(end) })
	if err != nil || len(old) == 0 {
		return 0, err
	}
	alive, err := a.containers(ctx)
	if err != nil {
		return 0, err
	}
	var errs []error
	for of := range old {
		if alive[of.container] {
			continue
		}
		if err := a.removeAttachment(ctx, list, of); err != nil {
			errs = append(errs, fmt.Errorf("remove what container %s has left: %w", of.container, err))
			continue
		}
		slog.Info("removed what a container has left that the runtime does not know", "container", of.container, "interface", of.ifName)
		removed++
	}
	return removed, errors.Join(errs...)
}

func (a *agent) removeAttachment(ctx context.Context, list *libcni.NetworkConfigList, of attachment) error {
	ctx, cancel := context.WithTimeout(ctx, gcTimeout)
	defer cancel()
	cni := libcni.NewCNIConfigWithCacheDir([]string{a.conflist.binDir}, a.stateDir, nil)
	return cni.DelNetworkList(ctx, list, &libcni.RuntimeConf{ContainerID: of.container, IfName: of.ifName})
}

// containers asks the runtime which ones it has, be they running or not.
func (a *agent) containers(ctx context.Context) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, gcTimeout)
	defer cancel()
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", a.criSocket)
	}
	client, err := grpc.NewClient("passthrough:///cri", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(dial), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	response, err := runtimeapi.NewRuntimeServiceClient(client).ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		return nil, fmt.Errorf("ask the runtime at %s for its containers: %w", a.criSocket, err)
	}
	alive := map[string]bool{}
	for _, sandbox := range response.Items {
		alive[sandbox.Id] = true
	}
	return alive, nil
}
