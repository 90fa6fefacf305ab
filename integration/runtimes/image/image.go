// Package image makes an image for containers: a static busybox with a link for each of its
// commands, as an archive that containerd and Podman load.
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

// Name of the image. It sleeps unless another command is given.
const Name = "localhost/busybox:1"

// Write writes the archive, in the format of `docker save`. The programs are in the top
// folder.
func Write(path string, programs ...string) error {
	layer, err := layer(programs)
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
		"Config": configName, "RepoTags": []string{Name}, "Layers": []string{"layer.tar"},
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

// layer is the file system of the image.
func layer(programs []string) ([]byte, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return nil, err
	}
	busybox, err := os.ReadFile(path)
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
		{name: "bin/"}, {name: "bin/busybox", content: busybox},
	}
	for _, name := range strings.Fields(string(names)) {
		if name != "busybox" {
			files = append(files, file{name: "bin/" + name, target: "busybox"})
		}
	}
	for _, path := range programs {
		program, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: filepath.Base(path), content: program})
	}
	return pack(files)
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
