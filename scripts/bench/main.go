// Bench measures the CNI plugins; scripts/bench.sh is how to run it. It expects network
// and mount namespaces of its own, with nothing in /run and /var/lib.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"

	"github.com/containernetworking/plugins/scripts/bench/figures"
)

func main() {
	var b bench
	flag.IntVar(&b.iterations, "n", 100, "iterations")
	flag.StringVar(&b.idle, "idle", "", "path of the idle program")
	flag.StringVar(&b.attach, "attach", "", "path of the program that attaches containers with nothing else")
	binaries := flag.String("ours", "", "folder of our plugins")
	bundle := flag.String("bundle", "", "folder of our plugins in one binary")
	others := flag.String("other", "", "folder of the plugins to compare with")
	flag.BoolVar(&b.before, "b", false, "those to compare with are an earlier build of ours")
	only := flag.String("c", "", "regular expression for the cases")
	full := flag.Bool("full-node", false, "measure on a full node")
	divisor := flag.Int("d", 1, "by which a full node has less")
	growing := flag.Bool("growth", false, "measure beside ever more of one thing")
	file := flag.String("json", "", "file for the figures in JSON")
	what := flag.String("fill", "", "only fill the node with what is of ours or others, or grows")
	number := flag.Int("number", 1, "how many there are of what grows")
	flag.Parse()
	for _, side := range []side{{oursSide, *binaries}, {bundleSide, *bundle}, {otherSide, *others}} {
		if side.bin != "" {
			b.sides = append(b.sides, side)
		}
	}
	var err error
	switch {
	case *what != "":
		err = fill(*what, *divisor, *number)
	case *full:
		err = b.runFull(*only, *divisor)
	case *growing:
		err = b.runGrowth(*only)
	default:
		if err = b.run(*only); err == nil {
			b.print(os.Stdout)
		}
	}
	if err == nil && *file != "" {
		err = figures.Write(*file, b.figures)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(only string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	b.results, b.memories = results{}, memories{}
	if pattern.MatchString(start) {
		if err := b.measureStarts(); err != nil {
			return fmt.Errorf("%s: %w", start, err)
		}
	}
	for _, s := range scenarios() {
		if !pattern.MatchString(s.name) {
			continue
		}
		fmt.Fprintln(os.Stderr, s.name)
		if err := b.measure(s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	b.figures = append(b.results.figures(), b.memories.figures()...)
	return nil
}
