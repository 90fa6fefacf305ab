// Package uniprocessor has a program run Go code on one processor at a time, for the
// commands that import it. A plugin waits for the kernel and for its delegate, and never
// computes on two threads at once: looking for work on more takes a tenth of an ADD.
//
// It is imported, not called, for its time: it needs nothing but the runtime, so it is
// initialised before nearly all other packages. What those allocate on a processor that
// is then taken away would be lost, which takes another 0.2 ms.
package uniprocessor

import "runtime"

func init() {
	runtime.GOMAXPROCS(1)
	growStack(false)
}

// growStack has the stack of the main goroutine grow to what a verb needs, at once: from 2 KB
// it would grow four times, each time with all frames to look up and with pages of memory that
// nobody has touched yet. It grows for the frame of a function, used or not.
//
//go:noinline
func growStack(use bool) {
	if use {
		var frame [20 << 10]byte
		touch(frame[:])
	}
}

//go:noinline
func touch(frame []byte) { frame[0] = 1 }
