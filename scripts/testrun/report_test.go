package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// events writes one event per line, in short: action, test, output. All are of package p.
func events(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		action, rest, _ := strings.Cut(line, " ")
		test, text, _ := strings.Cut(rest, " ")
		e := event{Action: action, Package: modulePath + "p", Test: test}
		if text != "" {
			e.Output = text + "\n"
		}
		encoded, _ := json.Marshal(e)
		fmt.Fprintf(&b, "%s\n", encoded)
	}
	return b.String()
}

func never() bool { return false }

func TestSummary(t *testing.T) {
	lacks := []string{"run TestVLAN", "output TestVLAN     vlan_test.go:9: kernel lacks 802.1Q", "skip TestVLAN", "pass"}
	tests := map[string]struct {
		host, guest []string
		allowed     skips
		want        string
	}{
		"all pass": {
			host: []string{"start", "run TestA", "pass TestA", "run TestB", "pass TestB", "pass"},
			want: "2 passed, 0 failed, 0 skipped\n",
		},
		"subtests stand for their parent": {
			host: []string{"run TestA", "run TestA/x", "run TestA/y", "pass TestA/x", "fail TestA/y", "fail TestA", "fail"},
			want: "FAIL p TestA/y\n1 passed, 1 failed, 0 skipped\n",
		},
		"parent fails by itself": {
			host: []string{"run TestA", "run TestA/x", "pass TestA/x", "fail TestA", "fail"},
			want: "FAIL p TestA\n1 passed, 1 failed, 0 skipped\n",
		},
		"package fails by itself": {
			host: []string{"run TestA", "pass TestA", "output  exit status 2", "fail"},
			want: "FAIL p\n1 passed, 1 failed, 0 skipped\n",
		},
		"killed": {
			host: []string{"run TestA", "fail"},
			want: "FAIL p TestA\n0 passed, 1 failed, 0 skipped\n",
		},
		"cut off": {
			host: []string{"run TestA"},
			want: "FAIL p TestA\n0 passed, 1 failed, 0 skipped\n",
		},
		"runs in the guest": {
			host:  lacks,
			guest: []string{"run TestVLAN", "pass TestVLAN", "pass"},
			want:  "1 passed, 0 failed, 0 skipped\n",
		},
		"fails in the guest": {
			host:  lacks,
			guest: []string{"run TestVLAN", "fail TestVLAN", "fail"},
			want:  "FAIL p TestVLAN\n0 passed, 1 failed, 0 skipped\n",
		},
		"guest dies": {
			host: lacks,
			want: "FAIL p TestVLAN\n0 passed, 1 failed, 0 skipped\n",
		},
		"host's failure stays": {
			host:  []string{"run TestA", "run TestA/x", "output TestA/x     a_test.go:1: kernel lacks x", "skip TestA/x", "fail TestA", "fail"},
			guest: []string{"run TestA", "run TestA/x", "pass TestA/x", "pass TestA", "pass"},
			want:  "FAIL p TestA\n1 passed, 1 failed, 0 skipped\n",
		},
		"skips on both": {
			host:  lacks,
			guest: []string{"run TestVLAN", "output TestVLAN     vlan_test.go:9: kernel lacks filtering", "skip TestVLAN", "pass"},
			want: "FAIL p TestVLAN: skipped on every kernel: kernel lacks 802.1Q; kernel lacks filtering\n" +
				"0 passed, 1 failed, 0 skipped\n",
		},
		"may skip": {
			host:    []string{"run TestA", "output TestA     a_test.go:1: no hardware", "skip TestA", "pass"},
			allowed: skips{{modulePath + "p", "TestA"}: "needs SR-IOV"},
			want:    "SKIP p TestA: no hardware (allowed: needs SR-IOV)\n0 passed, 0 failed, 1 skipped\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			r := newReport(&b)
			if err := r.read(strings.NewReader(events(test.host...)), never); err != nil {
				t.Fatal(err)
			}
			r.lacking()
			if err := r.read(strings.NewReader(events(test.guest...)), never); err != nil {
				t.Fatal(err)
			}
			b.Reset()
			ok := r.summarize(test.allowed)
			if diff := cmp.Diff("\n"+test.want, b.String()); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
			if want := strings.Contains(test.want, " 0 failed"); ok != want {
				t.Errorf("summarize() = %v, want %v", ok, want)
			}
		})
	}
}

func TestReadShowsFailures(t *testing.T) {
	var b strings.Builder
	stream := events("run TestA", "output TestA boom", "fail TestA", "fail") + "stray line\n" +
		`{"Action":"build-output","ImportPath":"q [q.test]","Output":"q.go:1: syntax error\n"}` + "\n" +
		`{"Action":"fail","Package":"q","FailedBuild":"q [q.test]"}`
	if err := newReport(&b).read(strings.NewReader(stream), never); err != nil {
		t.Fatal(err)
	}
	want := "--- FAIL p TestA (0.00s)\nboom\nfail p (0.0s)\nstray line\nq.go:1: syntax error\nfail q (0.0s)\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestPattern(t *testing.T) {
	p := packageTests{tests: []testName{{"p", "TestA"}, {"p", "TestB/10.0.0.1/24|x"}}}
	want := `^TestA$|^TestB$/^10\.0\.0\.1$/^24\|x$`
	if got := p.pattern(); got != want {
		t.Errorf("pattern() = %s, want %s", got, want)
	}
}
