// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/trust"
)

// Entry is what a published document says. None of it is verified; that is
// what Verify is for.
type Entry struct {
	Location
	Document   string           `json:"document"`
	Name       string           `json:"name,omitempty"`
	Binary     string           `json:"binary,omitempty"`
	Hash       string           `json:"hash,omitempty"`
	Size       int64            `json:"size,omitempty"`
	Released   *time.Time       `json:"released,omitempty"`
	Expires    *time.Time       `json:"expires,omitempty"`
	Artifacts  []trust.Artifact `json:"artifacts,omitempty"`
	Signatures int              `json:"signatures"`
	Legacy     bool             `json:"legacy,omitempty"`
	Problem    string           `json:"problem,omitempty"` // why the document cannot be read
}

// List returns the releases that the filter selects, versions in their order.
// Problems of single documents are in their entries.
func (r *Repository) List(ctx context.Context, f Filter) ([]Entry, error) {
	locations, _, err := r.locations(f)
	if err != nil {
		return nil, fmt.Errorf("listing repository: %w", err)
	}

	entries := make([]Entry, 0, len(locations))
	for _, l := range locations {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		entries = append(entries, r.entry(ctx, l))
	}

	return entries, nil
}

func (r *Repository) entry(ctx context.Context, l Location) Entry {
	e := Entry{Location: l, Document: l.document()}
	raw, err := r.readDocument(ctx, l)
	if err == nil {
		_, err = trust.SignedBytes(trust.ReleaseType, raw)
	}
	var d struct {
		trust.Release
		Signature    string            `json:"signature"`
		Cosignatures []json.RawMessage `json:"cosignatures"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	if err != nil {
		e.Problem = err.Error()
		return e
	}
	e.Name, e.Binary, e.Hash, e.Size, e.Legacy = d.Name, d.Binary, d.Hash, d.Size, d.Format == 0
	e.Artifacts = d.Artifacts
	if !d.Released.IsZero() {
		e.Released = &d.Released
	}
	if !d.Expires.IsZero() {
		e.Expires = &d.Expires
	}
	e.Signatures = len(d.Cosignatures)
	if d.Signature != "" {
		e.Signatures++
	}

	return e
}

// locations finds the documents that the filter selects, and warns of what
// lies among the releases without being part of one.
func (r *Repository) locations(f Filter) (found []Location, warnings []string, err error) {
	versions, err := r.readDir(".")
	if err != nil {
		return nil, nil, err
	}
	for _, v := range versions {
		if strings.HasPrefix(v.Name(), workPrefix) {
			warnings = append(warnings, v.Name()+" belongs to a publish that is under way or was interrupted; the next one removes it")
			continue
		}
		// Directories that are no version are not ours: .git, channels, docs.
		if trust.CheckVersion(v.Name()) != nil || (f.Version != "" && f.Version != v.Name()) {
			continue
		}
		l, w, err := r.platformsOf(v, f)
		if err != nil {
			return nil, nil, err
		}
		found, warnings = append(found, l...), append(warnings, w...)
	}
	sortLocations(found)

	return found, warnings, nil
}

func (r *Repository) platformsOf(version fs.DirEntry, f Filter) (found []Location, warnings []string, err error) {
	visit := func(e fs.DirEntry, at string, into func(at string) error) error {
		if e.Type()&fs.ModeSymlink != 0 {
			warnings = append(warnings, at+" is a symbolic link and was not looked at: clients that follow it meet documents for another place")
			return nil
		}
		if !e.IsDir() {
			return nil
		}
		return into(at)
	}
	each := func(dir string, into func(e fs.DirEntry, at string) error) error {
		entries, err := r.readDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := into(e, path.Join(dir, e.Name())); err != nil {
				return err
			}
		}
		return nil
	}

	err = visit(version, version.Name(), func(vdir string) error {
		return each(vdir, func(goos fs.DirEntry, at string) error {
			return visit(goos, at, func(odir string) error {
				return each(odir, func(arch fs.DirEntry, at string) error {
					return visit(arch, at, func(string) error {
						l := Location{version.Name(), goos.Name(), arch.Name()}
						w, ok, err := r.look(l)
						if ok && f.match(l) {
							found = append(found, l)
						}
						if f.match(l) {
							warnings = append(warnings, w...)
						}
						return err
					})
				})
			})
		})
	})

	return found, warnings, err
}

// look tells whether there is a document, and which files no document names.
func (r *Repository) look(l Location) (strays []string, ok bool, err error) {
	_, err = r.root.Lstat(l.document())
	ok = err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	if !ok && CheckPlatform(l.OS, l.Arch) != nil {
		return nil, false, nil // somebody's other files
	}
	old := r.references(l)
	if old.unreadable {
		return nil, ok, nil
	}
	err = fs.WalkDir(r.root.FS(), l.dir(), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == l.document() {
			return err
		}
		// Copies for TUF clients are named after their content.
		if !old.names(strings.TrimPrefix(name, l.dir()+"/")) && !publish.IsCopy(name) {
			strays = append(strays, name+" is not named by any document")
		}
		return nil
	})

	return strays, ok, err
}

func (r *Repository) readDir(dir string) ([]fs.DirEntry, error) {
	return fs.ReadDir(r.root.FS(), dir)
}

// references are the artifacts that a published document names. The document
// is read as leniently as the oldest client would: what any client may be
// about to fetch must not change under it.
type references struct {
	document   []byte // nil: there is none
	artifacts  map[string]string
	unreadable bool // any file may be named
}

func (r *Repository) references(l Location) references {
	raw, err := r.readDocument(context.Background(), l)
	if errors.Is(err, ErrMissing) {
		return references{}
	}
	if err != nil {
		return references{unreadable: true}
	}
	var d struct {
		Binary    string `json:"binary"`
		Artifacts []struct {
			Path string `json:"path"`
			Hash string `json:"hash"`
		} `json:"artifacts"`
	}
	if json.Unmarshal(raw, &d) != nil {
		return references{document: raw, unreadable: true}
	}
	out := references{document: raw, artifacts: map[string]string{}}
	if trust.CheckPath(d.Binary) == nil {
		out.artifacts[d.Binary] = ""
	}
	for _, a := range d.Artifacts {
		if trust.CheckPath(a.Path) == nil {
			out.artifacts[a.Path] = a.Hash
		}
	}

	return out
}

// names compares as file systems may that take names differing in case for one.
func (r references) names(file string) bool {
	if r.unreadable {
		return true
	}
	for name := range r.artifacts {
		if strings.EqualFold(name, file) {
			return true
		}
	}

	return false
}

func sortLocations(l []Location) {
	slices.SortFunc(l, func(a, b Location) int {
		return cmp.Or(compareVersions(a.Version, b.Version), cmp.Compare(a.OS, b.OS), cmp.Compare(a.Arch, b.Arch))
	})
}

// compareVersions orders semantic versions as such, and puts others before
// them by name.
func compareVersions(a, b string) int {
	return cmp.Or(semver.Compare(canonicalVersion(a), canonicalVersion(b)), cmp.Compare(a, b))
}

// canonicalVersion adds the v that package semver wants and people leave out.
func canonicalVersion(v string) string {
	return "v" + strings.TrimPrefix(v, "v")
}

// Comparable reports whether clients can order the version. Where they cannot,
// they do not notice a downgrade.
func Comparable(version string) bool { return semver.IsValid(canonicalVersion(version)) }
