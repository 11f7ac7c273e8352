// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/choria-io/go-updater/internal/layout"
)

// anyHash is as long as the start of a hash in the name of an artifact.
const anyHash = "000000000000"

// artifactName returns the name of an artifact. The start of its hash makes it
// unique among those of one release; it is left out if not needed.
func artifactName(product string, at Location, hash, suffix string) string {
	if hash != "" {
		suffix = "-" + hash + suffix
	}

	return layout.Release(at).ArtifactName(product, suffix)
}

// place chooses the path of an artifact. It is the one without a hash, unless a
// published document names another file there: clients may be downloading it. A file
// that exists already is used as it is.
func (p *pendingRelease) place(product string, a *newArtifact) error {
	for _, hash := range []string{"", a.Hash[:len(anyHash)]} {
		name := artifactName(product, p.at, hash, a.suffix)
		usable, exists, err := p.usable(name, a.Hash)
		if err != nil {
			return err
		}
		if exists {
			a.Path = name
			return nil
		}
		if usable && a.Path == "" {
			a.Path = name
		}
	}
	if a.Path == "" {
		return fmt.Errorf("no name is left for the %s artifact: the published release uses all of them", a.Encoding)
	}
	p.moves = append(p.moves, &rename{from: a.file, to: p.at.file(a.Path)})

	return nil
}

// usable reports whether an artifact may be written to a path, and whether it
// already exists there.
func (p *pendingRelease) usable(path, hash string) (usable, exists bool, err error) {
	full := p.at.file(path)
	info, err := p.t.repo.root.Lstat(full)
	if errors.Is(err, fs.ErrNotExist) {
		return true, false, nil
	}
	if err != nil {
		return false, false, err
	}
	if !info.Mode().IsRegular() {
		return false, false, fmt.Errorf("%s is not a regular file (remove it)", full)
	}
	f, err := p.t.repo.openRegular(full)
	if err != nil {
		return false, false, err
	}
	defer f.Close()
	got := newMeasure()
	if _, err := f.WriteTo(got); err != nil {
		return false, false, err
	}
	if got.sum() == hash {
		return true, true, nil
	}

	// A file that no document names is a leftover of an interrupted transaction.
	// One that differs from its document is damaged: this repairs it.
	return !p.old.names(path) || p.old.artifacts[path] == hash, false, nil
}
