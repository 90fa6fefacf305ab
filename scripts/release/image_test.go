package release_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func archive() string { return "cni-plugins-image-" + version + ".tar" }

func reference() string { return "docker.io/library/cni-plugins:" + version }

// maxImage is what an image may take on its way to a node, in bytes.
const maxImage = 12 << 20

// The archive has an image for each architecture, each small.
func TestImageIndex(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	output(t, "tar", "-xf", file(t, archive()), "-C", dir)
	var top, index v1.IndexManifest
	read(t, filepath.Join(dir, "index.json"), &top)
	if len(top.Manifests) != 1 {
		t.Fatalf("%d images at the top", len(top.Manifests))
	}
	read(t, blob(dir, top.Manifests[0]), &index)
	if len(index.Manifests) != len(machines) {
		t.Errorf("%d images", len(index.Manifests))
	}
	for _, image := range index.Manifests {
		var manifest v1.Manifest
		var config v1.ConfigFile
		read(t, blob(dir, image), &manifest)
		read(t, blob(dir, manifest.Config), &config)
		size := image.Size + manifest.Config.Size
		for _, layer := range manifest.Layers {
			size += layer.Size
		}
		t.Logf("%s: %.1f MB", image.Platform, float64(size)/1e6)
		if size > maxImage || config.Architecture != image.Platform.Architecture || config.Variant != image.Platform.Variant {
			t.Errorf("%s: %d bytes for %s/%s", image.Platform, size, config.Architecture, config.Variant)
		}
	}
}

// Skopeo copies the whole of the archive, and the image of each architecture.
func TestSkopeo(t *testing.T) {
	t.Parallel()
	source := "oci-archive:" + file(t, archive())
	dir := t.TempDir()
	output(t, "skopeo", "--insecure-policy", "copy", "--quiet", "--all", source, "dir:"+filepath.Join(dir, "all"))
	var index v1.IndexManifest
	if read(t, filepath.Join(dir, "all", "manifest.json"), &index); len(index.Manifests) != len(machines) {
		t.Errorf("%d images", len(index.Manifests))
	}
	for architecture := range machines {
		var config v1.ConfigFile
		said := output(t, "skopeo", "--override-arch", architecture, "inspect", "--config", source+":"+reference())
		if err := json.Unmarshal([]byte(said), &config); err != nil || config.Architecture != architecture {
			t.Errorf("%s: %s, %v", architecture, said, err)
		}
	}
}

func blob(dir string, d v1.Descriptor) string {
	return filepath.Join(dir, "blobs", d.Digest.Algorithm, d.Digest.Hex)
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// podman sets the variable of that name. With cgroups disabled, crun needs to see none.
const podman = `
	mount -t tmpfs tmpfs /sys/fs/cgroup
	podman="podman --storage-driver vfs --runtime crun --cgroup-manager cgroupfs"
`

// imageRuns loads the image into Debian's containerd and podman, where it installs the
// plugins on the host, and takes them away.
func imageRuns(t *testing.T, r root) {
	for name, run := range map[string]string{
		"containerd": `
			containerd >/run/containerd.log 2>&1 &
			for i in $(seq 100); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
			ctr image import /release/` + archive() + ` >/dev/null
			run() { ctr run --rm --cgroup /cni-release-test-$$ \
				--mount type=bind,src=/opt/cni/bin,dst=/host/opt/cni/bin,options=rbind:rw \
				--mount type=bind,src=/etc/cni/net.d,dst=/host/etc/cni/net.d,options=rbind:rw \
				` + reference() + ` "$@"; }
			first="run one"; last="run two /cni-plugins install --bin-dir /host/opt/cni/bin --uninstall"`,
		"podman": podman + `
			$podman load --quiet --input /release/` + archive() + ` >/dev/null
			run() { $podman run --rm --network none --cgroups disabled --security-opt seccomp=unconfined \
				--volume /opt/cni/bin:/host/opt/cni/bin --volume /etc/cni/net.d:/host/etc/cni/net.d \
				` + reference() + ` "$@"; }
			first="run"; last="run --bin-dir /host/opt/cni/bin --uninstall"`,
	} {
		out := r.run(t, `mkdir -p /etc/cni
			mount -t tmpfs tmpfs /etc/cni
			mount -t tmpfs tmpfs /opt
			mkdir -p /opt/cni/bin /etc/cni/net.d`+run+`
			$first
			/opt/cni/bin/firewall
			$last
			ls -A /opt/cni/bin`)
		if !strings.Contains(out, "\nCNI firewall plugin "+version+"\n") || !strings.HasSuffix(strings.TrimSpace(out), "removed /host/opt/cni/bin/vrf") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
}
