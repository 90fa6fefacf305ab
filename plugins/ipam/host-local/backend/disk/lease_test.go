package disk

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseHolder(t *testing.T) {
	tests := map[string]struct {
		content string
		want    holder
		free    bool
	}{
		"current format":     {content: "a\r\neth0", want: holder{"a", "eth0"}},
		"final newline":      {content: "a\r\neth0\n", want: holder{"a", "eth0"}},
		"white space around": {content: " a\r\neth0 ", want: holder{"a", "eth0"}},
		"old format":         {content: "a", want: holder{id: "a"}},
		"old with newline":   {content: "a\n", want: holder{id: "a"}},
		"by hand":            {content: "kept for the printer\n", want: holder{id: "kept for the printer"}},
		"empty":              {content: "", free: true},
		"white space":        {content: " \r\n ", free: true},
		"zeros":              {content: "\x00\x00\x00\x00", free: true},
		"zeros at the end":   {content: "a\r\n\x00\x00\x00", free: true},
		"binary":             {content: "\x7fELF\x02", free: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := parseHolder([]byte(test.content))
			if ok == test.free {
				t.Errorf("parseHolder(%q) says %v", test.content, ok)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(holder{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzParseHolder(f *testing.F) {
	for _, seed := range []string{"a\r\neth0", "a", "", "\x00", " a \r\n eth0 \n", "a\r\n\r\nb"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		h, ok := parseHolder(content)
		if !ok {
			return
		}
		if h.id == "" {
			t.Errorf("%q has a holder without container", content)
		}
		again, ok := parseHolder([]byte(h.content()))
		if !ok || newHolder(again.id, again.ifname) != newHolder(h.id, again.ifname) {
			t.Errorf("%q: %+v becomes %+v, %v", content, h, again, ok)
		}
	})
}
