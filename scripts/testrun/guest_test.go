package main

import (
	"fmt"
	"testing"
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
