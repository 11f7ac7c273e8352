// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/trust"
)

// locations finds the documents that the filter selects, in the order of their
// versions, and warns of files that belong to no release.
func (r *Repository) locations(f Filter) (found []Location, warnings []string, err error) {
	w := &walk{repo: r}
	leftovers, err := r.leftovers()
	if err != nil {
		return nil, nil, err
	}
	for _, e := range leftovers {
		w.warn(e.Name() + " belongs to a change that is in progress or was interrupted; the next change removes it")
	}
	for _, l := range w.places(f) {
		w.visit(l)
	}
	sortLocations(w.found)

	return w.found, w.warnings, w.err
}

// leftovers lists the private files and directories of transactions.
func (r *Repository) leftovers() (found []fs.DirEntry, err error) {
	entries, err := r.readDir(".")
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), workPrefix) {
			found = append(found, e)
		}
	}

	return found, err
}

// interrupted reports whether a transaction was killed, or goes on: both have a private
// directory, and a lock file.
func (r *Repository) interrupted() (bool, error) {
	left, err := r.leftovers()

	return slices.ContainsFunc(left, func(e fs.DirEntry) bool { return e.IsDir() || e.Name() == lockName }), err
}

// walk collects what a search finds. After an error it finds nothing more.
type walk struct {
	repo     *Repository
	found    []Location
	warnings []string
	err      error
}

func (w *walk) warn(text string) { w.warnings = append(w.warnings, text) }

func anyName(string) bool { return true }

// dirs returns the names of the directories in dir that wanted accepts.
func (w *walk) dirs(dir string, wanted func(name string) bool) (names []string) {
	if w.err != nil {
		return nil
	}
	entries, err := w.repo.readDir(dir)
	if err != nil {
		w.err = err
		return nil
	}
	for _, e := range entries {
		switch {
		case !wanted(e.Name()):
		case e.Type()&fs.ModeSymlink != 0:
			w.warn(path.Join(dir, e.Name()) + " is a symbolic link and was not checked: clients that follow it find documents of another place")
		case e.IsDir():
			names = append(names, e.Name())
		}
	}

	return names
}

// places returns where documents that the filter selects can be.
func (w *walk) places(f Filter) (all []Location) {
	// Other directories belong to others: .git, channels, docs.
	isVersion := func(name string) bool {
		return trust.CheckVersion(name) == nil && (f.Version == "" || f.Version == name)
	}
	for _, version := range w.dirs(".", isVersion) {
		for _, os := range w.dirs(version, anyName) {
			for _, arch := range w.dirs(path.Join(version, os), anyName) {
				if l := (Location{version, os, arch}); f.match(l) {
					all = append(all, l)
				}
			}
		}
	}

	return all
}

// visit adds a location that has a document, and warns of unused files there.
func (w *walk) visit(l Location) {
	if w.err != nil {
		return
	}
	_, err := w.repo.root.Lstat(l.document())
	switch {
	case err == nil:
		w.found = append(w.found, l)
	case !errors.Is(err, fs.ErrNotExist):
		w.err = err
		return
	case checkPlatform(l.OS, l.Arch) != nil:
		return // not a release
	}
	old := w.repo.references(l)
	if old.unreadable {
		return
	}
	w.err = fs.WalkDir(w.repo.root.FS(), l.dir(), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == l.document() {
			return err
		}
		// TUF clients fetch copies that are named after their content.
		if !old.names(strings.TrimPrefix(name, l.dir()+"/")) && !publish.IsCopy(name) {
			w.warn(name + " is not named by any document")
		}
		return nil
	})
}
