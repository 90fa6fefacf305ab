// Package image makes images for containers, as archives that containerd and Podman load.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Name of the image that Write writes. It sleeps unless another command is given.
const Name = "localhost/busybox:1"

// Write writes an image of a static busybox, with a link for each of its commands, and of
// programs in its top folder.
func Write(path string, programs ...string) error {
	files, err := busybox()
	if err != nil {
		return err
	}
	own, err := read(programs)
	if err != nil {
		return err
	}
	return write(path, Name, append(files, own...))
}

// WritePrograms writes an image of that name which has nothing but programs in its top
// folder.
func WritePrograms(path, name string, programs ...string) error {
	files, err := read(programs)
	if err != nil {
		return err
	}
	return write(path, name, files)
}

// write writes the archive, in the format of `docker save`.
func write(path, name string, files []file) error {
	layer, err := pack(files)
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       map[string]any{"Env": []string{"PATH=/bin"}, "Cmd": []string{"sleep", "1000000"}},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}},
	})
	if err != nil {
		return err
	}
	configName := fmt.Sprintf("%x.json", sha256.Sum256(config))
	manifest, err := json.Marshal([]map[string]any{{
		"Config": configName, "RepoTags": []string{name}, "Layers": []string{"layer.tar"},
	}})
	if err != nil {
		return err
	}
	archive, err := pack([]file{
		{name: "manifest.json", content: manifest}, {name: configName, content: config}, {name: "layer.tar", content: layer},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, archive, 0o600)
}

func busybox() ([]file, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	names, err := exec.Command(path, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("list the commands of busybox: %w", err)
	}
	files := []file{
		{name: "proc/"}, {name: "sys/"}, {name: "dev/"}, {name: "tmp/"}, {name: "etc/"},
		{name: "etc/passwd", content: []byte("root:x:0:0::/:/bin/sh\n")},
		{name: "bin/"}, {name: "bin/busybox", content: program},
	}
	for _, name := range strings.Fields(string(names)) {
		if name != "busybox" {
			files = append(files, file{name: "bin/" + name, target: "busybox"})
		}
	}
	return files, nil
}

func read(programs []string) ([]file, error) {
	var files []file
	for _, path := range programs {
		program, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: filepath.Base(path), content: program})
	}
	return files, nil
}

// file is an entry of an archive: a link if it has a target, a folder if its name ends in a
// slash.
type file struct {
	name, target string
	content      []byte
}

func pack(files []file) ([]byte, error) {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.content)), Typeflag: tar.TypeReg}
		switch {
		case f.target != "":
			header.Typeflag, header.Linkname = tar.TypeSymlink, f.target
		case strings.HasSuffix(f.name, "/"):
			header.Typeflag = tar.TypeDir
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
