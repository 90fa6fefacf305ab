package nft

import (
	"testing"

	"github.com/containernetworking/plugins/pkg/owner"
)

func TestOwnerKey(t *testing.T) {
	a := owner.Attachment{Network: "net", ContainerID: "c", IfName: "eth0"}
	if prefix, n := OwnerOf(OwnerKey(a.Prefix(), 7)); prefix != a.Prefix() || n != 7 {
		t.Errorf("got %q and %d", prefix, n)
	}
	if prefix, _ := OwnerOf([]byte("short")); prefix != "" {
		t.Errorf("got %q of a key of another length", prefix)
	}
	if prefix := CommentOwner(a.Tag()); prefix != a.Prefix() {
		t.Errorf("got %q of a tag", prefix)
	}
	if prefix := CommentOwner("somebody's rule, of some length at least"); prefix != "" {
		t.Errorf("got %q of a comment that is no tag", prefix)
	}
}
