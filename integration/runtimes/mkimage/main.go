// Mkimage writes the image for the containers of the tests, with further programs in its top
// folder.
//
//	mkimage ARCHIVE [PROGRAM]...
package main

import (
	"fmt"
	"os"

	"github.com/containernetworking/plugins/integration/runtimes/image"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: mkimage ARCHIVE [PROGRAM]...")
		os.Exit(2)
	}
	if err := image.Write(os.Args[1], os.Args[2:]...); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}
