package install

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containernetworking/plugins/pkg/record"
)

// batch is files that are to appear in a directory. Each of them is there under another
// name, complete and on the disk, until place gives it its own.
type batch struct {
	dir   string
	names []string
}

// temporary returns what a file is called that is to replace the one at path. It is no
// name that runtimes read configurations from.
func temporary(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
}

// reserve returns the path for a file of the batch, where there is none.
func (b *batch) reserve(name string) (string, error) {
	path := temporary(filepath.Join(b.dir, name))
	if err := os.Remove(path); err != nil && !record.IsMissing(err) {
		return "", err
	}
	b.names = append(b.names, name)
	return path, nil
}

// executable adds a copy of a source, with all its names, and returns its digest.
func (b *batch) executable(s source, symlink bool) (digest string, err error) {
	file, err := os.Open(s.path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	digest, err = b.write(s.names[0], file, 0o755)
	if err != nil {
		return "", err
	}
	for _, name := range s.names[1:] {
		if err := b.link(name, s.names[0], symlink); err != nil {
			return "", err
		}
	}
	return digest, nil
}

// write adds a file, which belongs to the caller, whatever umask and the directory's
// group are. It returns its digest.
func (b *batch) write(name string, content io.Reader, mode fs.FileMode) (digest string, err error) {
	path, err := b.reserve(name)
	if err != nil {
		return "", err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(file, hash), content)
	err = errors.Join(err, file.Chown(os.Geteuid(), os.Getegid()), file.Chmod(mode), file.Sync(), file.Close())
	return hex.EncodeToString(hash.Sum(nil)), err
}

// link adds another name of a file of the batch.
func (b *batch) link(name, of string, symbolic bool) error {
	path, err := b.reserve(name)
	if err != nil {
		return err
	}
	if symbolic {
		return os.Symlink(of, path)
	}
	return os.Link(temporary(filepath.Join(b.dir, of)), path)
}

// place gives the files their names, each in the place of what has it. Who opens a name
// meanwhile gets the one or the other.
func (b *batch) place() error {
	for ; len(b.names) > 0; b.names = b.names[1:] {
		path := filepath.Join(b.dir, b.names[0])
		if err := os.Rename(temporary(path), path); err != nil {
			return err
		}
	}
	return b.sync()
}

// sync has the names survive a power cut.
func (b *batch) sync() error {
	dir, err := os.Open(b.dir)
	if record.IsMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// discard removes the files that have not been placed.
func (b *batch) discard() {
	for _, name := range b.names {
		os.Remove(temporary(filepath.Join(b.dir, name)))
	}
}
