package main

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestDeal(t *testing.T) {
	tests := []testName{{"p", "1"}, {"p", "2"}, {"p", "3"}}
	for n, want := range map[int]string{
		1: "[[p 1 p 2 p 3]]",
		2: "[[p 1 p 3] [p 2]]",
		9: "[[p 1] [p 2] [p 3]]",
	} {
		if got := fmt.Sprint(deal(tests, n)); got != want {
			t.Errorf("%d parts: %s, want %s", n, got, want)
		}
	}
}

// Tests of a guest that hangs have not ended, and may again; of one that ends before they do they fail.
func TestSilence(t *testing.T) {
	tests := []testName{{modulePath + "p", "TestA"}, {modulePath + "p", "TestB"}, {modulePath + "p", "TestC"}}
	ran := strings.ReplaceAll(events("run TestA", "pass TestA", "run TestB"), "\n", "\\n")
	for end, want := range map[string]string{
		"exec sleep 60": "[p TestB p TestC] 0",
		"exit 1":        "[p TestC] 1",
	} {
		r := newReport(io.Discard)
		err := readWithin(exec.Command("sh", "-c", "printf '"+ran+"'; "+end), r, time.Second)
		if got := fmt.Sprint(r.unended(tests), r.failures()); got != want {
			t.Errorf("%s: %s unended and failed, want %s; error %v", end, got, want, err)
		}
	}
}
