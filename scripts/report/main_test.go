package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/scripts/bench/figures"
)

// fixture is a report on a few figures.
func fixture(t *testing.T) report {
	t.Helper()
	list, err := figures.Read("testdata/figures.json")
	if err != nil {
		t.Fatal(err)
	}
	return report{Figures: list, About: about{
		Date: "2026-11-30T02:45:00Z", Commit: "0123456789ab", Go: "go1.25.0", Kernel: "6.18.0",
		Machine: "amd64, 2 × Processor, 4.0 GiB of memory", Other: "containernetworking/plugins v1.1.1",
	}}
}

// The report has all figures in JSON, tables as in the golden file, and a chart of each kind.
func TestReport(t *testing.T) {
	want, dir := fixture(t), t.TempDir()
	if err := want.write(dir); err != nil {
		t.Fatal(err)
	}
	var got report
	content, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report.json (-written +read):\n%s", diff)
	}
	golden, err := os.ReadFile("testdata/report.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(golden), string(want.markdown())); diff != "" {
		t.Errorf("report.md (-want +got):\n%s", diff)
	}
	var names []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"bursts.svg", "growth-leases.svg", "latency-add.svg", "latency-del.svg", "node-nftables.svg", "report.json", "report.md"}, names); err != nil || diff != "" {
		t.Errorf("files (-want +got): %v\n%s", err, diff)
	}
}

// Each chart is SVG with the names of its rows and curves, and as many marks of a colour as
// there are figures and an entry of the legend. All colours have one on a dark ground.
func TestCharts(t *testing.T) {
	const others = "containernetworking/plugins v1.1.1"
	want := map[string]struct {
		texts []string
		marks map[string]int // by colour
	}{
		"latency-add": {
			[]string{"ADD, one after the other", "ptp, host-local IPv4", "bridge, nftables masquerade", "separate", "bundle", others},
			map[string]int{hex(blue): 3, hex(green): 3, hex(orange): 2},
		},
		"latency-del": {
			[]string{"DEL, one after the other", "ptp, host-local IPv4"},
			map[string]int{hex(blue): 2, hex(green): 2, hex(orange): 2},
		},
		"bursts": {
			[]string{"100 parallel ptp, host-local IPv4"},
			map[string]int{hex(blue): 2, hex(green): 2, hex(orange): 2},
		},
		"node-nftables": {
			[]string{"What a full node costs: nftables", "bridge: portmap, ADD", "bridge: portmap, GC", "empty node", "full node"},
			map[string]int{hex(grey): 2, hex(green): 2, hex(blue): 3},
		},
		"growth-leases": {
			[]string{"What leases cost: host-local", "leases", "ADD, separate", "DEL, separate", "ADD, " + others, "10,000"},
			map[string]int{hex(blue): 6, hex(orange): 3},
		},
	}
	for _, c := range fixture(t).charts() {
		content, err := c.svg()
		if err != nil {
			t.Fatal(err)
		}
		texts, marks := read(t, content)
		for _, text := range want[c.name].texts {
			if !slices.Contains(texts, text) {
				t.Errorf("%s has no text %q, but %q", c.name, text, texts)
			}
		}
		if diff := cmp.Diff(want[c.name].marks, marks); diff != "" {
			t.Errorf("%s: marks by colour (-want +got):\n%s", c.name, diff)
		}
	}
}

// read returns the texts of a drawing, and how many shapes are filled with each colour but
// those of the ground. It fails for a colour that has no counterpart on a dark ground.
func read(t *testing.T, svg []byte) (texts []string, marks map[string]int) {
	t.Helper()
	known := map[string]bool{}
	for light := range dark {
		known[hex(light)] = true
	}
	marks = map[string]int{}
	decoder := xml.NewDecoder(strings.NewReader(string(svg)))
	for within := ""; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return texts, marks
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			within = token.Name.Local
			for property, color := range colors(token) {
				if !known[color] {
					t.Errorf("no counterpart of %s in\n%v", color, token)
				}
				if within == "path" && property == "fill" && color != hex(ground) {
					marks[color]++
				}
			}
		case xml.CharData:
			if within == "text" {
				texts = append(texts, strings.TrimSpace(string(token)))
			}
		case xml.EndElement:
			within = ""
		}
	}
}

// colors are those of an element's style, by the property.
func colors(of xml.StartElement) map[string]string {
	list := map[string]string{}
	for _, a := range of.Attr {
		if a.Name.Local != "style" {
			continue
		}
		for _, declaration := range strings.Split(a.Value, ";") {
			if property, value, _ := strings.Cut(declaration, ":"); strings.HasPrefix(value, "#") {
				list[property] = value
			}
		}
	}
	return list
}

func TestDecades(t *testing.T) {
	for _, test := range []struct {
		least, most float64
		want        []float64
	}{
		{3, 3, []float64{2, 5}},
		{2, 10, []float64{2, 5, 10}},
		{0.7, 21, []float64{0.5, 1, 2, 5, 10, 20, 50}},
	} {
		if diff := cmp.Diff(test.want, decades(test.least, test.most)); diff != "" {
			t.Errorf("decades(%v, %v) (-want +got):\n%s", test.least, test.most, diff)
		}
	}
}

// Plugins are called by the version that they say, or by their folder.
func TestOrigin(t *testing.T) {
	for says, want := range map[string]string{"v1.9.0": "containernetworking/plugins v1.9.0", "version unknown": ""} {
		dir := t.TempDir()
		script := fmt.Sprintf("#!/bin/sh\necho 'CNI loopback plugin %s'\necho 'CNI protocol versions supported: 1.1.0'\n", says)
		if err := os.WriteFile(filepath.Join(dir, "loopback"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = dir
		}
		if got := origin(dir); got != want {
			t.Errorf("plugins that say %q are called %q, want %q", says, got, want)
		}
	}
}
