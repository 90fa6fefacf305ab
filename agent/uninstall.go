package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"
	"golang.org/x/sys/unix"
)

// uninstall removes what the agent has made. It begins with the conflist, so that no
// container gets a network any longer. As long as there are containers, all that they need
// stays, and the error says so: it is to be called again when they are gone.
func (a *agent) uninstall(ctx context.Context) error {
	exists, err := a.conflist.drain()
	if err != nil {
		return err
	}
	if exists {
		if err := a.expectNobody(ctx); err != nil {
			return err
		}
	}
	return errors.Join(a.conflist.remove(), a.removeRoutes(), removeVXLAN(a.handle), removeMasquerade(), a.removePlugins(ctx))
}

// expectNobody returns an error if there are attachments. Those that the runtime does not
// know, which nobody else will remove, it removes.
func (a *agent) expectNobody(ctx context.Context) error {
	list, err := libcni.ConfListFromFile(a.conflist.path())
	if err != nil {
		return err
	}
	if a.criSocket != "" {
		if _, err := a.removeVanished(ctx, list); err != nil {
			slog.Warn("attachments that the runtime does not know may be there", "error", err)
		}
	}
	left, err := traces(a.stateDir, list.Name)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d containers still use the network %s: no other gets an address, and what these need stays; "+
			"uninstall again when they are gone", len(left), list.Name)
	}
	return err
}

func (a *agent) removeRoutes() error {
	f, err := readFIB(a.handle)
	if err != nil {
		return err
	}
	_, err = f.settle(a.handle, nil)
	return err
}

// removePlugins has the bundle, if that is what was installed, uninstall itself.
func (a *agent) removePlugins(ctx context.Context) error {
	bundle := filepath.Join(a.conflist.binDir, "cni-plugins")
	if unix.Access(bundle, unix.X_OK) != nil {
		return nil
	}
	return run(ctx, bundle, "install", "--uninstall", "--bin-dir", a.conflist.binDir)
}
