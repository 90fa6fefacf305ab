package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// node is what the tests need of one.
type node struct {
	name, notReady string
	ranges         []string
}

func listNodes() ([]node, error) {
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct{ PodCIDRs []string }
			Status   struct {
				Conditions []struct{ Type, Status, Message string }
			}
		}
	}
	if err := get(&list, "nodes"); err != nil {
		return nil, err
	}
	var found []node
	for _, item := range list.Items {
		n := node{name: item.Metadata.Name, notReady: "has no condition", ranges: item.Spec.PodCIDRs}
		for _, condition := range item.Status.Conditions {
			if condition.Type == "Ready" {
				n.notReady = condition.Message
			}
			if condition.Type == "Ready" && condition.Status == "True" {
				n.notReady = ""
			}
		}
		found = append(found, n)
	}
	return found, nil
}

// nodes are the names of the cluster's nodes.
func (s site) nodes() []string {
	s.Helper()
	list, err := listNodes()
	if err != nil {
		s.Fatal(err)
	}
	var names []string
	for _, n := range list {
		names = append(names, n.name)
	}
	return names
}

// node returns one of the cluster's nodes.
func (s site) node(name string) node {
	s.Helper()
	list, err := listNodes()
	if err != nil {
		s.Fatal(err)
	}
	for _, n := range list {
		if n.name == name {
			return n
		}
	}
	s.Fatalf("there is no node %s", name)
	return node{}
}

// awaitNodes waits until so many nodes are known.
func (s site) awaitNodes(count int) {
	s.Helper()
	s.await(time.Minute, func() error {
		list, err := listNodes()
		if err == nil && len(list) != count {
			err = fmt.Errorf("%d nodes, want %d", len(list), count)
		}
		return err
	})
}

// awaitReady waits until all nodes are ready.
func (s site) awaitReady(limit time.Duration) time.Duration {
	s.Helper()
	return s.await(limit, func() error {
		list, err := listNodes()
		for _, n := range list {
			if n.notReady != "" {
				err = fmt.Errorf("%s is not ready: %s", n.name, n.notReady)
			}
		}
		return err
	})
}

// awaitNotReady waits until a node says why it would run no pods, in words that contain text.
func (s site) awaitNotReady(name, text string) string {
	s.Helper()
	var said string
	s.await(time.Minute, func() error {
		list, err := listNodes()
		for _, n := range list {
			if n.name == name {
				said = n.notReady
			}
		}
		if err == nil && !strings.Contains(said, text) {
			err = fmt.Errorf("%s says %q, not %q", name, said, text)
		}
		return err
	})
	return said
}

// picture shows what pods leave on a node: interfaces, routes, leases, records, namespaces and
// rules of ours.
func (s site) picture(node string) string {
	s.Helper()
	return s.on(node, `
		ip -oneline link | sed 's/^[0-9]*: //; s/ qlen.*//; s/@.*//; s/:.*//'
		ip route | sed 's/ linkdown//'; ip -6 route | grep -v fe80 | sed 's/ pref.*//; s/ linkdown//'
		find /var/lib/cni /run/cni /run/netns -type f -not -name lock -not -name 'last_reserved*' -not -path '*/kernel/*' -not -name .index -not -name claims 2>/dev/null || true # some vanish meanwhile
		nft list tables | grep -e cni -e agent | while read -r word table; do nft list $word $table; done | sed 's/packets [0-9]* bytes [0-9]*//'
		iptables-save 2>/dev/null | grep CNI | sed 's/\[.*\]//'`)
}

// expectNothingLeft waits until nothing is on a node that a picture from before has not. What a
// runtime that was killed has forgotten, on the other hand, may have been collected since.
func (s site) expectNothingLeft(node, before string) {
	s.Helper()
	known := strings.Split(before, "\n")
	s.await(30*time.Second, func() error {
		var left []string
		for line := range strings.Lines(s.picture(node)) {
			if line = strings.TrimSuffix(line, "\n"); !slices.Contains(known, line) {
				left = append(left, line)
			}
		}
		if len(left) > 0 {
			return fmt.Errorf("left on %s:\n%s", node, strings.Join(left, "\n"))
		}
		return nil
	})
}
