package link

import "testing"

// Kinds that the kernel does not have are told from those that it has, and asking
// makes nothing.
func TestSupports(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	for _, kind := range []string{"macvlan", "veth"} {
		if err := n.Supports(kind); err != nil {
			t.Error(err)
		}
	}
	if err := n.Supports("nosuch"); err == nil || err.Error() != "the kernel lacks nosuch" {
		t.Errorf("got %v", err)
	}
	expectLinks(t, n)
}
