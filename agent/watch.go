package main

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// reflector returns what keeps the nodes as the API server has them, until the context
// ends. It is one watch, which begins with a stream of all nodes from the API server's
// memory; it is renewed every five to ten minutes, at random, and after errors later and
// later, at random, too, so that agents do not come all at once.
func (a *agent) reflector() (reflect func(context.Context), err error) {
	client, err := a.client()
	if err != nil {
		return nil, err
	}
	nodes := cache.NewListWatchFromClient(client, "nodes", metav1.NamespaceAll, fields.Everything())
	r := cache.NewReflectorWithOptions(nodes, &apiNode{}, a.nodes, cache.ReflectorOptions{Name: "nodes"})
	return r.RunWithContext, nil
}

// client returns one of the API server, for nodes as this program reads them.
func (a *agent) client() (rest.Interface, error) {
	c, err := a.clientConfig()
	if err != nil {
		return nil, err
	}
	core := schema.GroupVersion{Version: "v1"}
	scheme := runtime.NewScheme()
	scheme.AddKnownTypeWithName(core.WithKind("Node"), &apiNode{})
	scheme.AddKnownTypeWithName(core.WithKind("NodeList"), &apiNodeList{})
	metav1.AddToGroupVersion(scheme, core)
	c.APIPath, c.GroupVersion = "/api", &core
	c.ContentType = runtime.ContentTypeProtobuf
	c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	c.UserAgent = "cni-plugins-agent"
	return rest.RESTClientFor(c)
}

func (a *agent) clientConfig() (*rest.Config, error) {
	if a.kubeconfig != "" {
		return clientcmd.BuildConfigFromFlags(a.server, a.kubeconfig)
	}
	c, err := rest.InClusterConfig()
	if err == nil && a.server != "" {
		c.Host = a.server
	}
	return c, err
}
