package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// readManifest reads the objects of a file, in which Kubernetes knows all keys.
func readManifest(t *testing.T, path string) []runtime.Object {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var objects []runtime.Object
	for documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", path, err, document)
		}
		objects = append(objects, object)
	}
}

// find returns the object of a type in a manifest, of which there must be one.
func find[T runtime.Object](t *testing.T, objects []runtime.Object) T {
	t.Helper()
	var found []T
	for _, o := range objects {
		if x, ok := o.(T); ok {
			found = append(found, x)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d objects of type %T", len(found), found)
	}
	return found[0]
}

// The manifest is what a careful administrator asks for.
func TestManifest(t *testing.T) {
	t.Parallel()
	objects := readManifest(t, "deploy/cni-plugins.yaml")
	for _, o := range objects {
		if namespace := o.(metav1.Object).GetNamespace(); namespace != "kube-system" && namespace != "" {
			t.Errorf("%T is in the namespace %q", o, namespace)
		}
	}
	rules := find[*rbacv1.ClusterRole](t, objects).Rules
	if len(rules) != 1 || !slices.Equal(rules[0].Resources, []string{"nodes"}) || !slices.Equal(rules[0].Verbs, []string{"list", "watch"}) {
		t.Errorf("the agent may do more than to watch nodes: %v", rules)
	}
	if got := find[*corev1.ConfigMap](t, objects).Data["conflist"]; got != ptpTemplate {
		t.Errorf("the template is not that of -network=ptp:\n%s", got)
	}
	pod := find[*appsv1.DaemonSet](t, objects).Spec.Template
	testPod(t, pod.ObjectMeta, pod.Spec)
	if !slices.Equal(pod.Spec.Tolerations, []corev1.Toleration{{Operator: corev1.TolerationOpExists}}) {
		t.Errorf("tolerations are %v", pod.Spec.Tolerations)
	}
	agent := pod.Spec.Containers[0]
	if agent.LivenessProbe == nil || agent.ReadinessProbe == nil {
		t.Error("a probe is missing")
	}
	if _, err := newConfig(slices.Concat(agent.Args, []string{"-node-name", "n"})); err != nil {
		t.Errorf("the arguments %q: %v", agent.Args, err)
	}
}

// Nor is the other one more than that.
func TestUninstallManifest(t *testing.T) {
	t.Parallel()
	objects := readManifest(t, "deploy/uninstall.yaml")
	pod := find[*appsv1.DaemonSet](t, objects).Spec.Template
	testPod(t, pod.ObjectMeta, pod.Spec)
}

// forbidden is what a pod of the level "restricted" may not do and the agent must.
var forbidden = []string{
	"host namespaces",           // the host's network is what it is about
	"probe or lifecycle host",   // the agent listens to the node alone
	"unrestricted capabilities", // CAP_NET_ADMIN
	"restricted volume types",   // the host's directories of plugins, configurations and state
	"runAsNonRoot != true",      // these belong to root
	"runAsUser=0",
}

// testPod compares what a pod may do with the least that the agent needs.
func testPod(t *testing.T, meta metav1.ObjectMeta, pod corev1.PodSpec) {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, result := range evaluator.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, &meta, &pod) {
		if !result.Allowed {
			reasons = append(reasons, result.ForbiddenReason)
		}
	}
	for _, reason := range reasons {
		if !slices.Contains(forbidden, reason) {
			t.Errorf("what a restricted pod may not do: %s", reason)
		}
	}
	if pod.PriorityClassName != "system-node-critical" || !pod.HostNetwork || pod.HostPID {
		t.Errorf("priority %q, host's network %v, processes %v", pod.PriorityClassName, pod.HostNetwork, pod.HostPID)
	}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		security := c.SecurityContext
		if !*security.ReadOnlyRootFilesystem || *security.AllowPrivilegeEscalation || security.Privileged != nil ||
			!slices.Equal(security.Capabilities.Drop, []corev1.Capability{"ALL"}) ||
			len(slices.DeleteFunc(slices.Clone(security.Capabilities.Add), func(c corev1.Capability) bool { return c == "NET_ADMIN" })) > 0 {
			t.Errorf("%s may do too much: %v", c.Name, security)
		}
		if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().Value() < maxMemory {
			t.Errorf("resources of %s are %v", c.Name, c.Resources)
		}
		for _, mount := range c.VolumeMounts {
			if !slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name }) {
				t.Errorf("%s mounts %q, which is no volume", c.Name, mount.Name)
			}
		}
	}
}
