// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

// addition is one release on its way into the repository.
type addition struct {
	*packed
	bases    []*base
	warnings []string
	t        *transaction
	n        int
	at       Location
	old      references
	moves    []*rename
	raw      []byte
	document *rename
	obsolete []string
	out      Published
}

// describe names the artifacts and writes and signs the document.
func (a *addition) describe(ctx context.Context, req *AddRequest, key *trust.Key) error {
	a.old = a.t.repo.references(a.at)
	for i := range a.artifacts {
		if err := a.name(req.Name, i); err != nil {
			return err
		}
	}
	release := &trust.Release{
		Format: trust.ReleaseFormat, Name: req.Name, Version: a.at.Version, OS: a.at.OS, Arch: a.at.Arch,
		Binary: a.artifacts[0].Path, Hash: a.hash, Size: a.size,
		Released: req.Released, Expires: req.Expires, Artifacts: a.artifacts,
	}
	document, err := signing.FormatRelease(release)
	if err != nil {
		return err
	}
	if req.Signer != nil {
		if document, err = signing.Sign(ctx, document, req.Signer); err != nil {
			return err
		}
	}
	if err := acceptable(document, key, a.at, req.Now); err != nil {
		return err
	}

	a.out = publishedOf(release, a.at, key)
	a.out.Warnings = a.warnings
	if !readByOldClients(a.artifacts[0].Encoding) {
		a.out.Warnings = append(a.out.Warnings, "clients of version 0.1.0 cannot install this release: they read bzip2, and what is not packed")
	}
	a.out.Replaced = a.old.document != nil || a.old.unreadable
	for name := range a.old.artifacts {
		if !slices.ContainsFunc(a.artifacts, func(x trust.Artifact) bool { return strings.EqualFold(x.Path, name) }) {
			a.obsolete = append(a.obsolete, path.Join(a.at.dir(), name))
		}
	}
	a.raw = document
	a.document, err = a.t.prepare(fmt.Sprint(a.n), a.at.document(), document)

	return err
}

// name chooses the path of an artifact: the plain one, unless the published
// document names a file there that has other bytes. Then a client may be
// reading it, or come for it until the document is replaced.
func (a *addition) name(product string, i int) error {
	artifact := &a.artifacts[i]
	for _, mark := range []string{"", artifact.Hash[:12]} {
		name := artifactName(product, a.at, mark, a.suffixes[i])
		free, there, err := a.free(name, artifact.Hash)
		if err != nil {
			return err
		}
		if !free {
			continue
		}
		artifact.Path = name
		if !there {
			a.moves = append(a.moves, &rename{from: a.files[i], to: path.Join(a.at.dir(), name)})
		}
		return nil
	}

	return fmt.Errorf("all names for the artifact of %s are taken by files of the published release", a.at)
}

// markOfAny is as long as the beginning of a hash in a name.
const markOfAny = "000000000000"

func artifactName(product string, at Location, mark, suffix string) string {
	name := product + "-" + at.OS + "-" + at.Arch + "-" + at.Version
	if mark != "" {
		name += "-" + mark
	}

	return name + suffix
}

// free tells whether an artifact may be put there, and whether it is there.
func (a *addition) free(name, hash string) (free, there bool, err error) {
	full := path.Join(a.at.dir(), name)
	info, err := a.t.repo.root.Lstat(full)
	if errors.Is(err, fs.ErrNotExist) {
		return true, false, nil
	}
	if err != nil {
		return false, false, err
	}
	if !info.Mode().IsRegular() {
		return false, false, fmt.Errorf("%s is in the way: it is not a regular file", full)
	}
	f, err := a.t.repo.openRegular(full)
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

	// A file that no document names is left over from an interrupted publish;
	// one that is not what the document says is damaged, and this repairs it.
	return !a.old.names(name) || a.old.artifacts[name] == hash, false, nil
}

// prepare writes the document that is to be renamed to its place, and keeps
// what is there now for undo.
func (t *transaction) prepare(work, to string, document []byte) (*rename, error) {
	from, err := t.write(work+".json", document)
	if err != nil {
		return nil, err
	}
	m := &rename{from: from, to: to}
	f, err := t.repo.openRegular(m.to)
	if errors.Is(err, ErrMissing) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	name := work + ".previous"
	previous, err := t.create(name)
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteTo(previous); err != nil {
		return nil, errors.Join(err, previous.Close())
	}
	m.replaces = path.Join(t.work, name)

	return m, t.finish(previous)
}

// acceptable checks a document as a client does before it is published.
func acceptable(document []byte, key *trust.Key, at Location, now time.Time) error {
	want := trust.Want{Version: at.Version, OS: at.OS, Arch: at.Arch, Now: now}
	if key == nil {
		_, err := trust.InsecureVerifyUnsigned(document, want)
		return err
	}
	policy, err := trust.NewPolicy(1, *key)
	if err != nil {
		return err
	}
	_, err = trust.Verify(document, policy, want)

	return err
}

func publishedOf(r *trust.Release, at Location, key *trust.Key) Published {
	p := Published{
		Location: at, Document: at.document(), Name: r.Name, Hash: r.Hash, Size: r.Size,
		Released: r.Released, Expires: r.Expires, Artifacts: r.Artifacts,
	}
	if key != nil {
		p.Key = key.ID()
	}

	return p
}
