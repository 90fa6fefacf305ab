package plugin

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/containernetworking/cni/pkg/types"
)

// Guard runs f and makes an error of its panic, which is a mistake of ours: a bare
// trace tells neither a runtime nor a person what to do. The trace goes to standard
// error. A goroutine has to guard itself, or its panic ends the process.
func Guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", r, debug.Stack())
			err = types.NewError(types.ErrInternal, fmt.Sprintf("panic: %v", r), report)
		}
	}()
	return f()
}

// report is what a person can do about a panic.
const report = "this is a bug of the plugin, please report it with the trace that is on standard error"
