package main

import (
	"os"
	"path/filepath"
)

// start is the verb that does the least, so that its call shows what the start of a process
// takes.
const start = "VERSION"

// measureStarts measures it for each plugin, beside a process that does nothing.
func (b *bench) measureStarts() error {
	plugins, err := os.ReadDir(b.sides[0].bin)
	if err != nil {
		return err
	}
	for _, p := range plugins {
		b.started = append(b.started, p.Name())
	}
	for i := range warmUps + b.iterations {
		for _, plugin := range b.started {
			if err := b.measureStart(series{floorSide, plugin, idle(plugin).verb}, b.idle, i >= warmUps); err != nil {
				return err
			}
			for _, side := range b.order(i) {
				if err := b.measureStart(series{side.name, plugin, start}, filepath.Join(side.bin, plugin), i >= warmUps); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *bench) measureStart(s series, path string, isCounted bool) error {
	if _, err := os.Stat(path); err != nil {
		return nil // others have fewer plugins
	}
	cmd := command(path)
	cmd.Env = []string{"CNI_COMMAND=" + start}
	took, err := timed(cmd)
	if isCounted {
		b.results.add(s, took)
	}
	return err
}

// startRequirements are what it may take. The daemon of dhcp is in its plugin.
func (b *bench) startRequirements() (all []requirement) {
	for _, plugin := range b.started {
		if plugin != "dhcp" {
			all = append(all, requirement{of: ours(plugin, start), to: idle(plugin), atMost: 1.2, inBundle: 1.3})
		}
	}
	return all
}
