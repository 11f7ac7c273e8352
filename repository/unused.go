// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/trust"
)

// removeUnused removes what a transaction left that was killed: first metadata that no
// client needs any longer, then copies of documents that no metadata lists, then
// artifacts that no document names. Files with other names than a transaction gives
// them are not ours.
func (t *transaction) removeUnused(ctx context.Context) error {
	// What clients see is not known if the metadata cannot be read: it stays, and what
	// it may list.
	options := publish.Options{Trusted: t.trusted}
	state, err := publish.Load(ctx, metadataFiles{t.repo}, options)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		for _, name := range state.Unused() {
			t.removeFiles(layout.Metadata(name))
		}
		state, err = publish.Load(ctx, metadataFiles{t.repo}, options)
	}
	w := &walk{repo: t.repo}
	for _, l := range w.places(Filter{}) {
		if checkPlatform(l.OS, l.Arch) != nil {
			continue // not a release
		}
		if err == nil && state.Exists() {
			t.removeFiles(t.unlisted(ctx, l, state, nil)...)
		}
		t.removeFiles(t.repo.unnamed(l)...)
	}

	if w.err != nil {
		t.warnings = append(t.warnings, fmt.Sprintf("not everything that a killed command left was looked for: %v", w.err))
	}

	return nil
}

// unlisted returns the copies of a document that no metadata lists, except for files
// of metadata that will be gone.
func (t *transaction) unlisted(ctx context.Context, l Location, state *publish.State, gone []string) (unused []string) {
	copies := t.repo.copies(l)
	if len(copies) == 0 {
		return nil
	}
	listed, err := state.Listed(ctx, l.document(), gone)
	if err != nil {
		return nil // any may be listed
	}
	for _, name := range copies {
		if !slices.ContainsFunc(listed, func(t publish.Target) bool { return t.Copy(l.document()) == name }) {
			unused = append(unused, name)
		}
	}

	return unused
}

// copies returns the copies of a document that TUF clients download.
func (r *Repository) copies(l Location) (found []string) {
	entries, _ := r.readDir(l.dir())
	for _, e := range entries {
		if e.Type().IsRegular() && publish.IsCopy(e.Name()) {
			found = append(found, l.file(e.Name()))
		}
	}

	return found
}

// unnamed returns the artifacts in a place that no document there names. Without a
// document, it returns none if a person has renamed it, to take the release offline.
func (r *Repository) unnamed(l Location) (unused []string) {
	named := r.references(l)
	entries, _ := r.readDir(l.dir())
	for _, e := range entries {
		ours := e.Type().IsRegular() && isArtifactName(l, e.Name())
		switch {
		case !named.exists && strings.Contains(strings.ToLower(e.Name()), layout.DocumentName):
			return nil
		case ours && !named.names(e.Name()):
			unused = append(unused, l.file(e.Name()))
		}
	}

	return unused
}

var (
	hashInName  = regexp.MustCompile(`^-[0-9a-f]{12}`)
	patchInName = regexp.MustCompile(`^-from-(.+)\.patch$`)
)

// isArtifactName reports whether a file has a name that artifactName returns.
func isArtifactName(l Location, file string) bool {
	product, suffix, ok := strings.Cut(file, artifactName("", l, "", ""))
	if !ok || trust.CheckName(product) != nil {
		return false
	}
	suffix = strings.TrimPrefix(suffix, hashInName.FindString(suffix))
	if m := patchInName.FindStringSubmatch(suffix); m != nil {
		return trust.CheckVersion(m[1]) == nil
	}

	return slices.ContainsFunc(encodings, func(e encoding) bool { return e.suffix == suffix })
}

// replacing notes what the documents in a place name before they change.
func (t *transaction) replacing(l Location) references {
	before, ok := t.named[l]
	if !ok {
		before = t.repo.references(l)
		t.named[l] = before
	}

	return before
}

// removeReplaced removes artifacts that a document named before the change, and none
// names any longer.
func (t *transaction) removeReplaced() {
	for _, l := range slices.SortedFunc(maps.Keys(t.named), compareLocations) {
		now := t.repo.references(l)
		for _, file := range slices.Sorted(maps.Keys(t.named[l].artifacts)) {
			// Where case is ignored, the old name can be that of a new artifact.
			if !now.names(file) {
				t.removeFiles(l.file(path.Clean(file)))
			}
		}
	}
}
