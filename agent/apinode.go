package main

import (
	"fmt"
	"log/slog"
	"net/netip"

	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// apiNode is a Node, as far as it matters here. A whole one has some 10 kB, of images
// above all, and each kubelet sends it to all agents every five minutes: of 5,000 nodes, 17
// come each second. This one reads a few fields of them, and steps over the rest.
type apiNode struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	podCIDRs    []string
	internalIPs []string
}

// apiNodeList is a list of them, for API servers that do not stream lists.
type apiNodeList struct {
	metav1.TypeMeta
	metav1.ListMeta
	Items []apiNode
}

// DeepCopyObject is never called for what only a reflector has.
func (n *apiNode) DeepCopyObject() runtime.Object { c := *n; return &c }

// DeepCopyObject is as that of apiNode.
func (l *apiNodeList) DeepCopyObject() runtime.Object { c := *l; return &c }

// Reset makes the object empty.
func (n *apiNode) Reset() { *n = apiNode{} }

// Reset makes the list empty.
func (l *apiNodeList) Reset() { *l = apiNodeList{} }

// The numbers of fields in Kubernetes' API (generated.proto of core/v1 and meta/v1).
const (
	nodeMetadata, nodeSpec, nodeStatus             = 1, 2, 3
	metaName, metaResourceVersion, metaAnnotations = 1, 6, 12
	specPodCIDRs                                   = 7
	statusAddresses                                = 5
	addressType, addressAddress                    = 1, 2
	mapKey, mapValue                               = 1, 2
	listMetadata, listItems                        = 1, 2
	listMetaResourceVersion, listMetaContinue      = 2, 3
)

// Unmarshal reads a Node of protobuf.
func (n *apiNode) Unmarshal(data []byte) error {
	return eachField(data, func(number protowire.Number, value []byte) error {
		switch number {
		case nodeMetadata:
			return eachField(value, n.readMetadata)
		case nodeSpec:
			return eachField(value, n.readSpec)
		case nodeStatus:
			return eachField(value, n.readStatus)
		}
		return nil
	})
}

func (n *apiNode) readMetadata(number protowire.Number, value []byte) error {
	switch number {
	case metaName:
		n.Name = string(value)
	case metaResourceVersion:
		n.ResourceVersion = string(value)
	case metaAnnotations:
		return n.readAnnotation(value)
	}
	return nil
}

// readAnnotation takes the one that ends a streamed list.
func (n *apiNode) readAnnotation(entry []byte) error {
	var key, value string
	err := eachField(entry, func(number protowire.Number, text []byte) error {
		switch number {
		case mapKey:
			key = string(text)
		case mapValue:
			value = string(text)
		}
		return nil
	})
	if key == metav1.InitialEventsAnnotationKey {
		n.Annotations = map[string]string{key: value}
	}
	return err
}

func (n *apiNode) readSpec(number protowire.Number, value []byte) error {
	if number == specPodCIDRs {
		n.podCIDRs = append(n.podCIDRs, string(value))
	}
	return nil
}

func (n *apiNode) readStatus(number protowire.Number, value []byte) error {
	if number != statusAddresses {
		return nil
	}
	var kind, address string
	err := eachField(value, func(number protowire.Number, text []byte) error {
		switch number {
		case addressType:
			kind = string(text)
		case addressAddress:
			address = string(text)
		}
		return nil
	})
	if kind == "InternalIP" {
		n.internalIPs = append(n.internalIPs, address)
	}
	return err
}

// Unmarshal reads a NodeList of protobuf.
func (l *apiNodeList) Unmarshal(data []byte) error {
	return eachField(data, func(number protowire.Number, value []byte) error {
		switch number {
		case listMetadata:
			return eachField(value, l.readMetadata)
		case listItems:
			var n apiNode
			if err := n.Unmarshal(value); err != nil {
				return err
			}
			l.Items = append(l.Items, n)
		}
		return nil
	})
}

func (l *apiNodeList) readMetadata(number protowire.Number, value []byte) error {
	switch number {
	case listMetaResourceVersion:
		l.ResourceVersion = string(value)
	case listMetaContinue:
		l.Continue = string(value)
	}
	return nil
}

// eachField hands the fields of a message that are of a length of their own, such as texts
// and messages, to f.
func eachField(data []byte, f func(protowire.Number, []byte) error) error {
	for len(data) > 0 {
		number, kind, length := protowire.ConsumeTag(data)
		if length < 0 {
			return fmt.Errorf("read a Node: %w", protowire.ParseError(length))
		}
		data = data[length:]
		if length = protowire.ConsumeFieldValue(number, kind, data); length < 0 {
			return fmt.Errorf("read a Node: %w", protowire.ParseError(length))
		}
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(data)
			if err := f(number, value); err != nil {
				return err
			}
		}
		data = data[length:]
	}
	return nil
}

// node returns what the agent knows of it then. What is no address, which the API server
// does not let in, is left out.
func (n *apiNode) node() node {
	known := node{name: n.Name}
	for _, text := range n.podCIDRs {
		if p, err := parsePrefix(text); err == nil {
			known.podCIDRs = append(known.podCIDRs, p)
		} else {
			slog.Warn("a Node has a podCIDR that is none", "node", n.Name, "error", err)
		}
	}
	for _, text := range n.internalIPs {
		if a, err := netip.ParseAddr(text); err == nil {
			known.addresses = append(known.addresses, a.Unmap())
		}
	}
	return known
}
