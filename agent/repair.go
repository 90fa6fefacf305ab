package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// repairers are the plugins that make rules again which somebody flushed.
var repairers = []string{"bridge", "ptp", "firewall", "portmap"}

// repairTimeout bounds the repair of one plugin.
const repairTimeout = time.Minute

// repair runs the repair of all plugins that are in the directory. What is there stays as
// it is.
func repair(ctx context.Context, binDir string) error {
	var errs []error
	for _, name := range repairers {
		path := filepath.Join(binDir, name)
		if unix.Access(path, unix.X_OK) != nil {
			continue
		}
		errs = append(errs, run(ctx, path, "repair"))
	}
	return errors.Join(errs...)
}

// run runs a command. Its error has what the command printed.
func run(ctx context.Context, path string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", path, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	if len(out) > 0 {
		slog.Info(strings.TrimSpace(string(out)), "command", path)
	}
	return nil
}
