package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
)

// apiServer answers as kube-apiserver does, for nodes: it streams what there is, and then
// what changes.
type apiServer struct {
	mu       sync.Mutex
	version  int
	nodes    map[string]*corev1.Node
	watchers map[chan watch.Event]bool
	// requests are the URLs that were asked for.
	requests []string
	// old makes it one that lists nodes, and streams only what changes.
	old bool
}

func newAPIServer() *apiServer {
	return &apiServer{nodes: map[string]*corev1.Node{}, watchers: map[chan watch.Event]bool{}}
}

// listen has the server answer on an address of a host of the test.
func (s *apiServer) listen(t testing.TB, do func(func() error) error, address string) {
	t.Helper()
	var listener net.Listener
	err := do(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
}

// newNode returns a Node with InternalIPs and podCIDRs.
func newNode(name string, addresses, podCIDRs []string) *corev1.Node {
	n := &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"a": "b"}, Labels: map[string]string{"c": "d"}},
		Spec:       corev1.NodeSpec{PodCIDRs: podCIDRs},
	}
	n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeHostName, Address: name})
	for _, a := range addresses {
		n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a})
	}
	return n
}

// set makes or replaces a Node.
func (s *apiServer) set(n *corev1.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	n = n.DeepCopy()
	n.ResourceVersion = strconv.Itoa(s.version)
	kind := watch.Modified
	if s.nodes[n.Name] == nil {
		kind = watch.Added
	}
	s.nodes[n.Name] = n
	s.tell(watch.Event{Type: kind, Object: n})
}

// remove removes a Node.
func (s *apiServer) remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	n := s.nodes[name].DeepCopy()
	n.ResourceVersion = strconv.Itoa(s.version)
	delete(s.nodes, name)
	s.tell(watch.Event{Type: watch.Deleted, Object: n})
}

func (s *apiServer) tell(e watch.Event) {
	for w := range s.watchers {
		w <- e
	}
}

// subscribe returns all nodes as events, the event that ends them, and a channel of what
// comes then.
func (s *apiServer) subscribe() ([]watch.Event, chan watch.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []watch.Event
	for _, n := range s.nodes {
		events = append(events, watch.Event{Type: watch.Added, Object: n})
	}
	end := &corev1.Node{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}}
	end.ResourceVersion = strconv.Itoa(s.version)
	end.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	news := make(chan watch.Event, 10000)
	s.watchers[news] = true
	return append(events, watch.Event{Type: watch.Bookmark, Object: end}), news
}

func (s *apiServer) unsubscribe(news chan watch.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, news)
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.URL.String())
	s.mu.Unlock()
	streams := r.URL.Query().Get("sendInitialEvents") != ""
	switch {
	case r.URL.Path != "/api/v1/nodes":
		http.NotFound(w, r)
		return
	case streams && s.old:
		refused := apierrors.NewInvalid(schema.GroupKind{Kind: "ListOptions"}, "", nil).Status()
		respond(w, http.StatusUnprocessableEntity, &refused)
		return
	case r.URL.Query().Get("watch") == "":
		respond(w, http.StatusOK, s.list())
		return
	}
	w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf;stream=watch")
	events, news := s.subscribe()
	defer s.unsubscribe(news)
	if !streams {
		events = nil
	}
	for _, e := range events {
		if err := write(w, e); err != nil {
			return
		}
	}
	for {
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case e := <-news:
			if err := write(w, e); err != nil {
				return
			}
		}
	}
}

func (s *apiServer) list() *corev1.NodeList {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := &corev1.NodeList{ListMeta: metav1.ListMeta{ResourceVersion: strconv.Itoa(s.version)}}
	for _, n := range s.nodes {
		list.Items = append(list.Items, *n)
	}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NodeList"))
	return list
}

// respond writes an object.
func respond(w http.ResponseWriter, status int, object runtime.Object) {
	w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
	w.WriteHeader(status)
	_ = protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(object, w)
}

// write writes an event as kube-apiserver does: its length, and a WatchEvent that holds
// the object.
func write(w http.ResponseWriter, e watch.Event) error {
	object, err := runtime.Encode(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme), e.Object)
	if err != nil {
		return err
	}
	event := metav1.WatchEvent{Type: string(e.Type), Object: runtime.RawExtension{Raw: object}}
	text, err := event.Marshal()
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...))
	return err
}
