package buildversion

import "testing"

func TestBuildString(t *testing.T) {
	if got, want := BuildString("ptp"), "CNI ptp plugin version unknown"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
