package containerd

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Pod is what the kubelet asks for.
type Pod struct {
	Name string
	// Ports are published on the host.
	Ports []*cri.PortMapping
	// Annotations may limit the bandwidth.
	Annotations map[string]string
	// HostNetwork leaves the pod without a network of its own.
	HostNetwork bool
}

// Sandbox is a pod that runs, without containers.
type Sandbox struct {
	ID string
	// Netns is the path of its network namespace.
	Netns string
	// IPs are its addresses, the one that counts as the pod's first.
	IPs []netip.Addr
}

func (p Pod) config() *cri.PodSandboxConfig {
	network, hostname := cri.NamespaceMode_POD, p.Name
	if p.HostNetwork {
		network, hostname = cri.NamespaceMode_NODE, "" // the host's name, too
	}
	return &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: p.Name, Uid: p.Name, Namespace: "default"},
		Hostname:     hostname,
		LogDirectory: runDir + "/pods",
		PortMappings: p.Ports,
		Annotations:  p.Annotations,
		Linux: &cri.LinuxPodSandboxConfig{
			CgroupParent: "/pods",
			SecurityContext: &cri.LinuxSandboxSecurityContext{
				NamespaceOptions: &cri.NamespaceOption{Network: network, Pid: cri.NamespaceMode_CONTAINER},
			},
		},
	}
}

// Run starts a pod and asks for its status.
func (d *Daemon) Run(p Pod) (Sandbox, error) {
	id, err := d.Create(p)
	if err != nil {
		return Sandbox{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return d.inspect(ctx, id)
}

// Create starts a pod.
func (d *Daemon) Create(p Pod) (id string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	made, err := d.runtime.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: p.config()})
	if err != nil {
		return "", fmt.Errorf("run pod %s: %w", p.Name, err)
	}
	return made.GetPodSandboxId(), nil
}

// inspect asks for the addresses and, which the kubelet does not need, the namespace.
func (d *Daemon) inspect(ctx context.Context, id string) (Sandbox, error) {
	answer, err := d.runtime.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: id, Verbose: true})
	if err != nil {
		return Sandbox{}, fmt.Errorf("status of sandbox %s: %w", id, err)
	}
	sandbox := Sandbox{ID: id}
	network := answer.GetStatus().GetNetwork()
	texts := []string{network.GetIp()}
	for _, further := range network.GetAdditionalIps() {
		texts = append(texts, further.GetIp())
	}
	for _, text := range texts {
		if ip, err := netip.ParseAddr(text); err == nil {
			sandbox.IPs = append(sandbox.IPs, ip)
		}
	}
	sandbox.Netns, err = netns(answer.GetInfo()["info"])
	return sandbox, err
}

// netns finds the path of the network namespace in what containerd tells beside the status. A
// pod on the host's network has none.
func netns(info string) (string, error) {
	var parsed struct {
		RuntimeSpec struct {
			Linux struct {
				Namespaces []struct{ Type, Path string }
			}
		}
	}
	if err := json.Unmarshal([]byte(info), &parsed); err != nil {
		return "", fmt.Errorf("verbose status: %w", err)
	}
	for _, namespace := range parsed.RuntimeSpec.Linux.Namespaces {
		if namespace.Type == "network" {
			return namespace.Path, nil
		}
	}
	return "", nil
}

// Stop ends a pod and takes it off its networks.
func (d *Daemon) Stop(id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := d.runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: id}); err != nil {
		return fmt.Errorf("stop sandbox %s: %w", id, err)
	}
	return nil
}

// Remove removes what is left of a pod that was stopped.
func (d *Daemon) Remove(id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := d.runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: id}); err != nil {
		return fmt.Errorf("remove sandbox %s: %w", id, err)
	}
	return nil
}

// Sandboxes lists the pods that containerd knows, running or not.
func (d *Daemon) Sandboxes() ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := d.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return nil, fmt.Errorf("list sandboxes: %w", err)
	}
	var ids []string
	for _, sandbox := range answer.GetItems() {
		ids = append(ids, sandbox.GetId())
	}
	return ids, nil
}

// NetworkReady returns "" if containerd would run pods, and otherwise what it says is amiss.
func (d *Daemon) NetworkReady() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := d.runtime.Status(ctx, &cri.StatusRequest{})
	if err != nil {
		return "", fmt.Errorf("status: %w", err)
	}
	for _, condition := range answer.GetStatus().GetConditions() {
		if condition.GetType() == cri.NetworkReady && !condition.GetStatus() {
			return condition.GetReason() + ": " + condition.GetMessage(), nil
		}
	}
	return "", nil
}
