// Command image makes an OCI image layout of one image index, with an image for each
// architecture. It needs no daemon and no registry.
//
//	image -name NAME -output DIR ROOTS
//
// ROOTS is a folder that has, by Go's name of each architecture, a folder with the files
// of its image. All times are $SOURCE_DATE_EPOCH.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func main() {
	log.SetFlags(0)
	name := flag.String("name", "", "the `reference` that runtimes know the image by")
	version := flag.String("version", "", "`version` of the plugins")
	output := flag.String("output", "", "the `directory` to make")
	flag.Parse()
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		log.Fatalf("image: SOURCE_DATE_EPOCH: %v", err)
	}
	r := release{name: *name, version: *version, time: time.Unix(seconds, 0).UTC()}
	if err := r.write(*output, flag.Arg(0)); err != nil {
		log.Fatalf("image: %v", err)
	}
}

// release is what the images of all architectures have in common.
type release struct {
	name, version string
	time          time.Time
}

// write makes the layout. What reads it by the specification looks for one annotation,
// containerd for the other.
func (r release) write(output, roots string) error {
	folders, err := os.ReadDir(roots)
	if err != nil {
		return err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, folder := range folders {
		image, err := r.image(filepath.Join(roots, folder.Name()), platform(folder.Name()))
		if err != nil {
			return fmt.Errorf("%s: %w", folder.Name(), err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform(folder.Name())}})
	}
	path, err := layout.Write(output, empty.Index)
	if err != nil {
		return err
	}
	return path.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"io.containerd.image.name":          r.name,
		"org.opencontainers.image.ref.name": r.name,
	}))
}

// platform returns what the specification calls an architecture of Go.
func platform(architecture string) *v1.Platform {
	p := &v1.Platform{OS: "linux", Architecture: architecture}
	switch architecture {
	case "arm":
		p.Variant = "v7"
	case "arm64":
		p.Variant = "v8"
	}
	return p
}

// image returns one that has a layer with the files below root.
func (r release) image(root string, p *v1.Platform) (v1.Image, error) {
	files, err := r.layer(root)
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.Append(image, mutate.Addendum{Layer: files, History: v1.History{Created: v1.Time{Time: r.time}, CreatedBy: "scripts/image.sh"}})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = p.OS, p.Architecture, p.Variant
	config.Created = v1.Time{Time: r.time}
	config.Config = v1.Config{
		// By itself it installs in the directories of the host, which a pod mounts there.
		Entrypoint: []string{"/cni-plugins", "install"},
		Cmd:        []string{"--bin-dir", "/host/opt/cni/bin", "--conf-dir", "/host/etc/cni/net.d"},
		Labels: map[string]string{
			"org.opencontainers.image.title":    "CNI plugins",
			"org.opencontainers.image.version":  r.version,
			"org.opencontainers.image.licenses": "Apache-2.0",
			"org.opencontainers.image.source":   "https://github.com/containernetworking/plugins",
		},
	}
	return mutate.ConfigFile(image, config)
}
