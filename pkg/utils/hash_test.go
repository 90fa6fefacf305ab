package utils_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/pkg/utils"
)

func TestFormatChainName(t *testing.T) {
	tests := []struct{ name, id, prefix, want string }{
		{"test", "1234", "", "CNI-2bbe0c48b91a7d1b8a6753a8"},
		{"test", "1234", "PREFIX-", "CNI-PREFIX-2bbe0c48b91a7d1b8"},
		{"testalongnamethatdoesnotmakesense", "1234", "", "CNI-374f33fe84ab0ed84dcdebe3"},
	}
	for _, test := range tests {
		if got := utils.MustFormatChainNameWithPrefix(test.name, test.id, test.prefix); got != test.want {
			t.Errorf("%+v: got %s", test, got)
		}
		if got := utils.FormatChainName(test.name, test.id); test.prefix == "" && got != test.want {
			t.Errorf("%+v: FormatChainName %s", test, got)
		}
	}
	if a, b := utils.FormatChainName("test", "1234"), utils.FormatChainName("test", "1235"); a == b {
		t.Errorf("two containers have one chain %s", a)
	}
	mustPanic(t, func() { utils.MustFormatChainNameWithPrefix("test", "1234", strings.Repeat("x", 24)) })
}

func TestMustFormatHashWithPrefix(t *testing.T) {
	tests := []struct {
		length              int
		prefix, toHash, out string
	}{
		{10, "", "some value", "6cb6c47cd1"},
		{15, "bwp", "cni-plugin-bandwidth-test" + "dummy", "bwpa8eda89404b7"},
		{4, "abc", "x", "abca"},
	}
	for _, test := range tests {
		got := utils.MustFormatHashWithPrefix(test.length, test.prefix, test.toHash)
		if got != test.out {
			t.Errorf("%+v: got %s", test, got)
		}
		if len(got) != test.length || !strings.HasPrefix(got, test.prefix) {
			t.Errorf("%+v: got %s", test, got)
		}
		if again := utils.MustFormatHashWithPrefix(test.length, test.prefix, test.toHash); again != got {
			t.Errorf("%+v: %s, then %s", test, got, again)
		}
	}
	if got := utils.MustFormatHashWithPrefix(utils.MaxHashLen, "", "x"); len(got) != 128 {
		t.Errorf("the longest has %d characters", len(got))
	}

	seen := map[string]bool{}
	for i := range 1000 {
		seen[utils.MustFormatHashWithPrefix(8, "", fmt.Sprint(i))] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d different hashes of 1000 values", len(seen))
	}

	mustPanic(t, func() { utils.MustFormatHashWithPrefix(3, "abc", "x") })
	mustPanic(t, func() { utils.MustFormatHashWithPrefix(2, "abc", "x") })
	mustPanic(t, func() { utils.MustFormatHashWithPrefix(0, "", "x") })
	mustPanic(t, func() { utils.MustFormatHashWithPrefix(-1, "", "x") })
	mustPanic(t, func() { utils.MustFormatHashWithPrefix(utils.MaxHashLen+1, "", "x") })
}

func mustPanic(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		if v := recover(); v != "invalid length" {
			t.Errorf("panic value %v", v)
		}
	}()
	f()
}

func TestFormatComment(t *testing.T) {
	tests := map[[2]string]string{
		{"net", "id"}:    `name: "net" id: "id"`,
		{`a"b`, "c\\d"}:  `name: "a\"b" id: "c\\d"`,
		{"", ""}:         `name: "" id: ""`,
		{"näme", "\x01"}: `name: "näme" id: "\x01"`,
	}
	for in, want := range tests {
		if got := utils.FormatComment(in[0], in[1]); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}
