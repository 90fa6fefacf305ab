// Report makes a report of what scripts/bench has measured: all figures in report.json,
// tables in report.md, and charts. scripts/bench.sh --report is how to run it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containernetworking/plugins/scripts/bench/figures"
)

// report is what report.json has.
type report struct {
	About   about            `json:"about"`
	Figures []figures.Figure `json:"figures"`
}

func main() {
	repository := flag.String("repository", ".", "folder of the sources, for their commit")
	other := flag.String("other", "", "folder of the plugins that ours are compared with, for their version")
	out := flag.String("out", ".", "folder for the report")
	flag.Parse()
	if err := run(*repository, *other, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(repository, other, out string, files []string) error {
	list, err := figures.Read(files...)
	if err != nil {
		return err
	}
	about, err := lookAround(repository, other)
	if err != nil {
		return err
	}
	return report{about, list}.write(out)
}

// write makes all files of the report in a folder that is there.
func (r report) write(folder string) error {
	content, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	files := map[string][]byte{"report.json": append(content, '\n'), "report.md": r.markdown()}
	for _, c := range r.charts() {
		if files[c.name+".svg"], err = c.svg(); err != nil {
			return fmt.Errorf("draw %s: %w", c.name, err)
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
