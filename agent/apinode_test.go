package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What is read of a Node and a list is what Kubernetes' own types have.
func TestAPINode(t *testing.T) {
	t.Parallel()
	n := largeNode(7)
	n.ResourceVersion = "42"
	n.Annotations[metav1.InitialEventsAnnotationKey] = "true"
	list := corev1.NodeList{ListMeta: metav1.ListMeta{ResourceVersion: "43", Continue: "more"}, Items: []corev1.Node{*n, *largeNode(8)}}
	text, err := list.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var got apiNodeList
	if err := got.Unmarshal(text); err != nil {
		t.Fatal(err)
	}
	if got.ResourceVersion != "43" || got.Continue != "more" || len(got.Items) != 2 {
		t.Fatalf("the list is %+v", got)
	}
	first := got.Items[0]
	if first.Name != n.Name || first.ResourceVersion != "42" || first.Annotations[metav1.InitialEventsAnnotationKey] != "true" {
		t.Errorf("metadata are %+v", first.ObjectMeta)
	}
	if diff := cmp.Diff(n.Spec.PodCIDRs, first.podCIDRs); diff != "" {
		t.Errorf("podCIDRs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{n.Status.Addresses[1].Address, n.Status.Addresses[2].Address}, first.internalIPs); diff != "" {
		t.Errorf("InternalIPs (-want +got):\n%s", diff)
	}
}

// Whatever the API server sends, the agent does not break.
func FuzzAPINode(f *testing.F) {
	text, err := largeNode(1).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte{0x1a, 0xff})
	f.Fuzz(func(_ *testing.T, text []byte) {
		var n apiNode
		if n.Unmarshal(text) == nil {
			n.node()
		}
		var l apiNodeList
		_ = l.Unmarshal(text)
	})
}
