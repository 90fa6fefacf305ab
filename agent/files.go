package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// watchFiles has the agent look again when somebody installs plugins, changes the template
// or touches the conflist. The function that it returns does so until the context ends.
func (a *agent) watchFiles() (watch func(context.Context) error, err error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	dirs := []string{a.conflist.binDir, a.conflist.confDir}
	if a.conflist.template != "" {
		// The kubelet replaces a ConfigMap's files by a link in their directory.
		dirs = append(dirs, filepath.Dir(a.conflist.template))
	}
	for _, dir := range dirs {
		if err := watcher.Add(dir); err != nil {
			watcher.Close()
			return nil, fmt.Errorf("watch %s: %w", dir, err)
		}
	}
	return func(ctx context.Context) error { return a.followFiles(ctx, watcher) }, nil
}

func (a *agent) followFiles(ctx context.Context, watcher *fsnotify.Watcher) error {
	defer watcher.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-watcher.Events:
			if !ok {
				return nil
			}
			a.changed.ring()
		case err := <-watcher.Errors:
			// Events that were too many are lost.
			a.changed.ring()
			if err != nil && !errors.Is(err, fsnotify.ErrEventOverflow) {
				return fmt.Errorf("watch files: %w", err)
			}
		}
	}
}
