// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/choria-io/go-updater/trust"
)

// What a caller may want to tell apart.
var (
	// ErrExists means that the release is published already. Published releases
	// do not change: choose another version, or say Force.
	ErrExists = errors.New("release is already published")

	// ErrNoRelease means that the repository holds no release that was meant.
	ErrNoRelease = errors.New("no such release")

	// ErrInput means that a file cannot be published: it is no regular file, it
	// is empty, or it changed while it was read.
	ErrInput = errors.New("not a file to publish")

	// ErrPlatform means that Go knows no such pair of system and architecture.
	ErrPlatform = errors.New("unknown platform")

	// ErrRequest means that the request contradicts itself or lacks something.
	ErrRequest = errors.New("incomplete request")

	// ErrMissing means that a document or an artifact that a document names is
	// not in the repository.
	ErrMissing = errors.New("file is missing")

	// ErrHash means that an artifact has not the length or the hash that its
	// document says, or does not decode to the binary.
	ErrHash = errors.New("artifact is not the one that the document names")

	// ErrNoArtifact means that no artifact of the release holds the whole binary
	// in an encoding that clients read: nobody can install it.
	ErrNoArtifact = errors.New("no artifact that clients can read")

	// ErrTooLarge means that clients refuse the release unless their MaxSize says
	// more.
	ErrTooLarge = errors.New("release is larger than clients accept")

	// ErrOtherKey means that the document carries another key's signature,
	// which signing would replace: cosign it, or say Force.
	ErrOtherKey = errors.New("signed by another key")
)

// documentName is what clients ask for.
const documentName = "release.json"

// Repository is a repository in a local directory. Nothing is read or written
// outside of it, whatever symbolic links it may hold.
type Repository struct {
	root   *os.Root
	dir    string
	made   []string
	onWait func()

	// step is called before each operation on the disk that matters when it
	// fails or is the last one. Tests stop the work there.
	step func(operation, path string) error

	// flush is (*os.File).Sync but in tests that do so a thousand times.
	flush func(f *os.File) error
}

// Open opens the repository in an existing directory. Close it after use.
func Open(dir string) (*Repository, error) {
	// Anything but a directory is named as such rather than by an errno.
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("opening repository: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("opening repository: %q is not a directory", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening repository: %w", err)
	}

	return &Repository{
		root:  root,
		dir:   dir,
		step:  func(string, string) error { return nil },
		flush: (*os.File).Sync,
	}, nil
}

// Create is Open that makes the directory when there is none. When nothing was
// published in it by then, Close removes what was made.
func Create(dir string) (*Repository, error) {
	var made []string
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) || d == filepath.Dir(d) {
			break
		}
		made = append(made, d)
	}
	err := os.MkdirAll(dir, 0o755)
	if err != nil {
		removeEmpty(made)
		return nil, fmt.Errorf("creating repository: %w", err)
	}
	r, err := Open(dir)
	if err != nil {
		removeEmpty(made)
		return nil, err
	}
	r.made = made

	return r, nil
}

// Close releases the repository.
func (r *Repository) Close() error {
	err := r.root.Close()
	removeEmpty(r.made)

	return err
}

// removeEmpty removes the directories in their order as far as they are empty;
// os.Remove does not touch others.
func removeEmpty(dirs []string) {
	for _, d := range dirs {
		if os.Remove(d) != nil {
			return
		}
	}
}

// OnWait has f called once whenever another process is at work in the
// repository and has to be waited for.
func (r *Repository) OnWait(f func()) { r.onWait = f }

// Contains reports whether a file lies inside the repository, also by way of a
// symbolic link. A private key that does is served to the world.
func (r *Repository) Contains(file string) (bool, error) {
	root, err := r.root.Stat(".")
	if err != nil {
		return false, err
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return false, err
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return false, err
	}
	// The name is looked at as well as what it leads to: the link inside the
	// tree would be followed by a web server.
	for _, p := range []string{abs, real} {
		for d := filepath.Dir(p); ; d = filepath.Dir(d) {
			if info, err := os.Stat(d); err == nil && os.SameFile(info, root) {
				return true, nil
			}
			if d == filepath.Dir(d) {
				break
			}
		}
	}

	return false, nil
}

// Location is the place of one release in a repository.
type Location struct {
	Version string `json:"version"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func (l Location) String() string { return l.Version + " " + l.OS + "/" + l.Arch }

func (l Location) dir() string      { return path.Join(l.Version, l.OS, l.Arch) }
func (l Location) document() string { return path.Join(l.dir(), documentName) }

// Filter selects releases; an empty field selects all.
type Filter struct {
	Version, OS, Arch string
}

func (f Filter) match(l Location) bool {
	return (f.Version == "" || f.Version == l.Version) && (f.OS == "" || f.OS == l.OS) && (f.Arch == "" || f.Arch == l.Arch)
}

func (f Filter) String() string {
	var words []string
	for _, w := range [][2]string{{"version", f.Version}, {"os", f.OS}, {"arch", f.Arch}} {
		if w[1] != "" {
			words = append(words, fmt.Sprintf("%s %q", w[0], w[1]))
		}
	}
	if words == nil {
		return "any release"
	}

	return strings.Join(words, ", ")
}

// readDocument reads at most one byte more than clients do. A document so long
// is refused by package trust.
func (r *Repository) readDocument(ctx context.Context, l Location) ([]byte, error) {
	return r.readRegular(ctx, l.document())
}

func (r *Repository) readRegular(ctx context.Context, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := r.openRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	return io.ReadAll(io.LimitReader(f, trust.MaxDocument+1))
}

// openRegular opens a file of the repository; a named pipe in its place must
// not hold us up.
func (r *Repository) openRegular(name string) (*os.File, error) {
	info, err := r.root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrMissing, name)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrMissing, name)
	}

	return r.root.Open(name)
}
