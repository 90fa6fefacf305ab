package cluster

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// pod is what the tests need of one.
type pod struct {
	name, node string
	ips        []string
}

// pods lists those of an app that run, unless fewer or more than count are there or one of
// them is not ready.
func pods(app string, count int) ([]pod, error) {
	var list struct {
		Items []struct {
			Metadata struct{ Name, DeletionTimestamp string }
			Spec     struct{ NodeName string }
			Status   struct {
				PodIPs     []struct{ IP string }
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if err := get(&list, "pods", "--selector", "app="+app); err != nil {
		return nil, err
	}
	var found []pod
	for _, item := range list.Items {
		p := pod{name: item.Metadata.Name, node: item.Spec.NodeName}
		for _, ip := range item.Status.PodIPs {
			p.ips = append(p.ips, ip.IP)
		}
		for _, condition := range item.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == "True" && len(p.ips) > 0 {
				found = append(found, p)
			}
		}
	}
	if len(found) != count || len(list.Items) != count {
		return nil, fmt.Errorf("%d pods of %s, of which %d are ready, want %d", len(list.Items), app, len(found), count)
	}
	return found, nil
}

// deployment is the text of one whose pods answer at port 80.
func deployment(app string, replicas int, more string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 0
      enableServiceLinks: false
      containers:
      - name: probe
        image: localhost/busybox:1
        imagePullPolicy: Never
        command: [/probe, serve]
%[3]s`, app, replicas, more)
}

// deploy makes a deployment that lasts until the end of the test, or until it is removed.
func (s site) deploy(app string, replicas int, more string) {
	s.Helper()
	s.apply(deployment(app, replicas, more))
	s.Cleanup(func() { s.remove(app) })
}

// remove deletes a deployment, if it is there, and waits until its pods are gone.
func (s site) remove(app string) {
	s.Helper()
	s.kubectl("delete deployment " + app + " --ignore-not-found")
	s.awaitPods(app, 0)
}

// awaitPods waits until a deployment has so many pods and returns them, and the time it took.
func (s site) awaitPods(app string, count int) ([]pod, time.Duration) {
	s.Helper()
	var found []pod
	took := s.await(3*time.Minute, func() (err error) {
		found, err = pods(app, count)
		return err
	})
	return found, took
}

// scale gives a deployment so many pods and waits for them.
func (s site) scale(app string, count int) ([]pod, time.Duration) {
	s.Helper()
	s.kubectl(fmt.Sprintf("scale deployment %s --replicas %d", app, count))
	return s.awaitPods(app, count)
}

// ask has a pod ask targets, each "tcp/ADDRESS", and returns an answer for each.
func (p pod) ask(targets ...string) (map[string]string, error) {
	out, err := try("kubectl", append([]string{"exec", p.name, "--", "/probe", "ask"}, targets...)...)
	if err != nil {
		return nil, err
	}
	return answers(out), nil
}

func answers(out string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(out) {
		target, answer, _ := strings.Cut(strings.TrimSpace(line), " ")
		found[target] = answer
	}
	return found
}

// expectMesh has each pod ask all at their addresses of both families. Each has to see who
// asks.
func (s site) expectMesh(all []pod) {
	s.Helper()
	var (
		askers sync.WaitGroup
		slots  = make(chan struct{}, 4)
	)
	for _, from := range all {
		askers.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := from.reaches(all); err != nil {
				s.Error(err)
			}
		})
	}
	askers.Wait()
}

// reaches asks other pods.
func (p pod) reaches(others []pod) error {
	var targets []string
	want := map[string]string{}
	for _, to := range others {
		for i, ip := range to.ips {
			for _, network := range []string{"tcp", "udp"} {
				target := network + "/" + net.JoinHostPort(ip, "80")
				targets = append(targets, target)
				want[target] = to.name + " to " + p.ips[i]
			}
		}
	}
	got, err := p.ask(targets...)
	if err != nil {
		return err
	}
	for target, answer := range want {
		if got[target] != answer {
			return fmt.Errorf("%s on %s asks %s: %q, want %q", p.name, p.node, target, got[target], answer)
		}
	}
	return nil
}
