package testutils

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"strconv"
)

// Ping sends one echo request from saddr to daddr with ping(8), or ping6 if
// saddr is an IPv6 address, and returns an error if no reply comes within
// timeoutSec seconds.
func Ping(saddr, daddr string, timeoutSec int) error {
	ip := net.ParseIP(saddr)
	if ip == nil {
		return fmt.Errorf("failed to parse IP %q", saddr)
	}
	program := "ping6"
	if ip.To4() != nil {
		program = "ping"
	}
	cmd := exec.Command(program, "-c", "1", "-W", strconv.Itoa(timeoutSec), "-I", saddr, daddr)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if exit, ok := err.(*exec.ExitError); ok {
		return fmt.Errorf("%v exit status %d: %s", cmd.Args, exit.ExitCode(), stderr.String())
	}
	return err
}
