package link

import "testing"

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":                 "",
		"name-of-15-char":  "",
		"name-of-16-chars": `interface name "name-of-16-chars" is longer than 15 characters`,
		"eth%d":            `interface name "eth%d" has a %, which the kernel takes for a place to put a number`,
	} {
		got := ""
		if err := CheckName(name); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
