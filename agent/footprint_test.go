package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// nodesVariable is how many nodes there are in TestFootprint. The figures that the README
// has are those of 5000.
const nodesVariable = "CNI_TEST_NODES"

// What the agent may take: of memory in bytes, and of a processor while nothing happens, and
// while nothing happens but that each kubelet writes its Node's status every five minutes.
const (
	maxMemory       = 64 << 20
	maxAtRest       = 0.001
	maxWithStatuses = 0.002
)

// TestFootprint measures the agent in a large cluster, on a node with many containers.
func TestFootprint(t *testing.T) {
	count, pods, rest := 200, 5, 2*time.Second
	if text := os.Getenv(nodesVariable); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		pods, rest = 110, time.Minute
	}
	s := newSite(t)
	a := s.addHost(1, 1)
	s.join(a)
	for i := range count - 1 {
		s.api.set(largeNode(i))
	}
	binary, begin := buildAgent(t), time.Now()
	agent := a.startBinary(binary)
	agent.Await(t, settledMessage, 1, 5*deadline)
	t.Logf("%d nodes: settled after %v, with %d routes", count, time.Since(begin).Round(time.Millisecond), strings.Count(a.routes(), "\n")+1)
	for i := range pods {
		a.addPod(fmt.Sprint("pod", i))
	}
	report := func(what string, processor, maxProcessor float64) {
		peak, now := memory(t, agent.Pid(), "VmHWM"), memory(t, agent.Pid(), "VmRSS")
		t.Logf("%s: %.2f MiB resident, %.2f MiB at most, %.3f %% of a processor", what, now/(1<<20), peak/(1<<20), 100*processor)
		if peak > maxMemory {
			t.Errorf("more than %d MiB", maxMemory>>20)
		}
		if processor > maxProcessor {
			t.Errorf("more than %v of a processor", maxProcessor)
		}
	}
	report("after pods", 0, 0)
	usage(t, agent.Pid(), rest/4, func() {})
	report("at rest", usage(t, agent.Pid(), rest, func() {}), maxAtRest)
	// Kubelets write the status every five minutes.
	n := 0
	report("with statuses", usage(t, agent.Pid(), rest, func() {
		for range max(1, count/300) {
			s.api.set(largeNode(n % (count - 1)))
			n++
		}
	}), maxWithStatuses)
	if count := agent.Count(settledMessage); count != 1 {
		t.Errorf("settled %d times", count)
	}
}

// largeNode returns a Node as large as real ones, whose kubelets tell of 50 images.
func largeNode(i int) *corev1.Node {
	n := newNode(fmt.Sprintf("node-%d.example.org", i),
		[]string{fmt.Sprintf("192.0.2.%d", 100+i%100), fmt.Sprintf("2001:db8:1::%x", 0x1000+i)},
		[]string{fmt.Sprintf("10.%d.%d.0/24", 128+i/256, i%256), fmt.Sprintf("fd00:10:1:%x::/64", i+1)})
	for j := range 50 {
		digest := strings.Repeat(fmt.Sprintf("%08x", i*50+j), 8)
		n.Status.Images = append(n.Status.Images, corev1.ContainerImage{
			Names:     []string{"registry.example.org/some/image@sha256:" + digest, "registry.example.org/some/image:v" + strconv.Itoa(j)},
			SizeBytes: 12345678,
		})
	}
	for _, kind := range []corev1.NodeConditionType{corev1.NodeReady, corev1.NodeDiskPressure, corev1.NodeMemoryPressure, corev1.NodePIDPressure} {
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: kind, Status: corev1.ConditionTrue,
			Reason: "KubeletHasSufficientResources", Message: "kubelet has sufficient resources available"})
	}
	return n
}

func buildAgent(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cni-plugins-agent")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-ldflags", "-s -w", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the agent: %v\n%s", err, out)
	}
	return path
}

// usage returns which part of a processor the process uses for a time, in which f is
// called every second.
func usage(t *testing.T, pid int, during time.Duration, f func()) float64 {
	t.Helper()
	before, begin := processorTime(t, pid), time.Now()
	for time.Since(begin) < during {
		f()
		time.Sleep(time.Second)
	}
	return float64(processorTime(t, pid)-before) / float64(time.Since(begin))
}

// processorTime returns what the scheduler has given to the threads of the process
// (proc_pid_schedstat(5)); the ticks in stat are longer than what is to be measured.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var sum time.Duration
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}

// memory returns a value of proc_pid_status(5) in bytes.
func memory(t *testing.T, pid int, key string) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); fields[0] == key+":" {
			kilobytes, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes * 1024
		}
	}
	t.Fatalf("no %s of process %d", key, pid)
	return 0
}
