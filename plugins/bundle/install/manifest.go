package install

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/unpolled"
)

// manifest is what was installed: the SHA-256 of each file by its name, or by its path if
// it is in another directory. A file has several of them while it is being replaced.
type manifest map[string][]string

// manifestPath is where the manifest of a directory is, as sha256sum(1) writes and checks
// it.
func manifestPath(dir string) string { return filepath.Join(dir, ".cni-plugins.sha256") }

// readManifest returns an empty manifest if there is none.
func readManifest(dir string) (manifest, error) {
	m := manifest{}
	text, err := unpolled.ReadFile(manifestPath(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		digest, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || name == "" {
			return nil, fmt.Errorf("%s: %q is not a digest and a name", manifestPath(dir), line)
		}
		m[name] = append(m[name], digest)
	}
	return m, nil
}

// record has the manifest of a directory say what is in m, when place has put it there.
// Who is killed meanwhile leaves files of before and of now, and the manifest of both.
func (m manifest) record(dir string, place func() error) error {
	known, err := readManifest(dir)
	if err != nil {
		return err
	}
	for name, digests := range m {
		known[name] = append(known[name], digests...)
	}
	if err := known.write(dir); err != nil {
		return err
	}
	if err := place(); err != nil {
		return err
	}
	maps.Copy(known, m)
	return known.write(dir)
}

func (m manifest) write(dir string) error {
	var text strings.Builder
	for _, name := range m.names() {
		for _, digest := range m[name] {
			fmt.Fprintf(&text, "%s  %s\n", digest, name)
		}
	}
	return record.Write(manifestPath(dir), []byte(text.String()))
}

// names returns the names in order: paths, which begin with a slash, come before those of
// plugins.
func (m manifest) names() []string { return slices.Sorted(maps.Keys(m)) }

// resolve returns the path of a file that a manifest in dir names.
func resolve(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// describes reports whether what is in the file was installed, be it under another name:
// a symbolic link leads to what was installed last. One that leads to nothing, since its
// file has been removed, is ours.
func (m manifest) describes(path string) (bool, error) {
	file, err := unpolled.Open(path, os.O_RDONLY)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case errors.Is(err, unpolled.ErrIrregular):
		return false, nil
	case err != nil:
		return false, err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return false, err
	}
	digest := hex.EncodeToString(hash.Sum(nil))
	for _, digests := range m {
		if slices.Contains(digests, digest) {
			return true, nil
		}
	}
	return false, nil
}
