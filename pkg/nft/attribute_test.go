package nft

import "testing"

// The kernel's messages hold data of others: nothing in them may cause a panic.
func FuzzDecode(f *testing.F) {
	var a attributes
	elementOf(&a, Table{Name: "t"}, "s", Element{Key: []byte{1, 2, 3, 4}, Value: []byte{5}, Comment: "c"})
	f.Add([]byte(a))
	f.Add(commentData(commentType, "c"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_ = decodeElements(data)
		_ = commentOf(data)
		for _, inner := range attributes(data).all() {
			_ = inner.number()
		}
	})
}

func TestComment(t *testing.T) {
	for _, test := range []struct {
		data []byte
		want string
	}{
		{commentData(commentType, "text"), "text"},
		{append([]byte{1, 4, 0, 0, 0, 1}, commentData(commentType, "behind another")...), "behind another"},
		{[]byte{0, 4, 't', 'e', 'x', 't'}, "text"},
		{[]byte{0, 5, 't', 'e', 'x', 't'}, ""},
		{commentData(setCommentType, "of a set"), ""},
		{nil, ""},
	} {
		if have := commentOf(test.data); have != test.want {
			t.Errorf("%v has comment %q, want %q", test.data, have, test.want)
		}
	}
}
