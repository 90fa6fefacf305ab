package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Tests may skip on a kernel if they run on another one.
func TestTable(t *testing.T) {
	lacks := []string{"run TestVLAN", "output TestVLAN     vlan_test.go:9: kernel lacks 802.1Q", "skip TestVLAN", "pass"}
	for name, test := range map[string]struct {
		old, young []string
		allowed    skips
		want       string
	}{
		"both":          {old: []string{"run TestA", "pass TestA", "pass"}, young: []string{"run TestA", "pass TestA", "pass"}, want: "2 passed, 0 failed, 0 skipped\n"},
		"fails on one":  {old: []string{"run TestA", "fail TestA", "fail"}, young: []string{"run TestA", "pass TestA", "pass"}, want: "FAIL p TestA on old\n1 passed, 1 failed, 0 skipped\n"},
		"skips on one":  {old: lacks, young: []string{"run TestVLAN", "pass TestVLAN", "pass"}, want: "1 passed, 0 failed, 1 skipped\n"},
		"does not end":  {old: []string{"run TestA"}, young: []string{"run TestA", "pass TestA", "pass"}, want: "FAIL p TestA on old\n1 passed, 1 failed, 0 skipped\n"},
		"skips on both": {old: lacks, young: lacks, want: "FAIL p TestVLAN: skipped on every kernel: kernel lacks 802.1Q; kernel lacks 802.1Q\n0 passed, 1 failed, 2 skipped\n"},
		"may skip":      {old: lacks, young: lacks, allowed: skips{{modulePath + "p", "TestVLAN"}: "why"}, want: "0 passed, 0 failed, 2 skipped\n"},
	} {
		t.Run(name, func(t *testing.T) {
			table := newTable()
			for kernel, lines := range map[string][]string{"old": test.old, "young": test.young} {
				r := newReport(&strings.Builder{})
				if err := r.read(strings.NewReader(events(lines...)), never); err != nil {
					t.Fatal(err)
				}
				table.add(kernel, r, "")
			}
			var out strings.Builder
			ok := table.summarize(&out, test.allowed)
			if diff := cmp.Diff("\n"+test.want, out.String()); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
			if want := strings.Contains(test.want, " 0 failed"); ok != want {
				t.Errorf("summarize() = %v, want %v", ok, want)
			}
		})
	}
}

func TestTableOfFeatures(t *testing.T) {
	table := newTable()
	table.add("old", newReport(&strings.Builder{}), "feature\tvrf\tvrf fails\ttrue\nfeature\tsets\tslow\tfalse\nsomething else\n")
	table.add("young", newReport(&strings.Builder{}), "feature\tsets\tslow\ttrue\n")
	const want = `| Kernel | passed | failed | skipped |
|---|---|---|---|
| old | 0 | 0 | 0 |
| young | 0 | 0 | 0 |

| What | old | young | Without it |
|---|---|---|---|
| vrf | yes |  | vrf fails |
| sets | no | yes | slow |
`
	if diff := cmp.Diff(want, table.String()); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
}

// Where one kernel lacks something for a part of a test, all of it runs on another one.
func TestLackedBy(t *testing.T) {
	r := newReport(&strings.Builder{})
	lines := []string{"run TestA", "pass TestA", "run TestB", "run TestB/x", "output TestB/x     b_test.go:9: kernel lacks x", "skip TestB/x", "pass TestB", "pass"}
	if err := r.read(strings.NewReader(events(lines...)), never); err != nil {
		t.Fatal(err)
	}
	a, b := testName{modulePath + "p", "TestA"}, testName{modulePath + "p", "TestB"}
	features := testName{modulePath + "integration", "TestKernelFeatures"}
	if diff := cmp.Diff([]testName{features, b}, lackedBy(r, []testName{features, a, b})); diff != "" {
		t.Error(diff)
	}
}
