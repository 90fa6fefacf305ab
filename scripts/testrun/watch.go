package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// clearLine has a terminal forget what is in the line.
const clearLine = "\r\x1b[K"

// watch shows in the last line of a terminal which packages run, and for how long, until what
// it returns is called.
func watch(r *report, terminal io.Writer) (end func()) {
	done := make(chan struct{})
	ticker := time.NewTicker(time.Second)
	r.mu.Lock()
	r.w = clearing{r.w, terminal}
	r.mu.Unlock()
	go func() {
		for {
			select {
			case <-done:
				return
			case now := <-ticker.C:
				r.mu.Lock()
				fmt.Fprint(terminal, clearLine, r.under(now))
				r.mu.Unlock()
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
		fmt.Fprint(terminal, clearLine)
	}
}

// clearing clears the line before anything else is written.
type clearing struct{ to, terminal io.Writer }

func (c clearing) Write(text []byte) (int, error) {
	fmt.Fprint(c.terminal, clearLine)
	return c.to.Write(text)
}

// under says what runs at a time. The caller has locked.
func (r *report) under(now time.Time) string {
	var parts []string
	for _, pkg := range slices.Sorted(maps.Keys(r.running)) {
		parts = append(parts, fmt.Sprintf("%v %v", testName{Package: pkg}, now.Sub(r.running[pkg]).Round(time.Second)))
	}
	const width = 120
	text := strings.Join(parts, ", ")
	return text[:min(width, len(text))]
}
