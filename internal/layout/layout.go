// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package layout says where the files of a repository are, for the publisher that
// writes them and the client that asks for them:
//
//	<version>/<os>/<arch>/release.json
//	<version>/<os>/<arch>/<name>-<os>-<arch>-<version>.zst
//	metadata/timestamp.json, N.root.json, …       (TUF)
//
// Names are slash-separated and relative to the root of the repository. Their
// parts have the grammars of package trust, which the callers check.
package layout

import (
	"io/fs"
	"path"
	"strings"
)

const (
	// DocumentName is the file that describes a release.
	DocumentName = "release.json"

	// MetadataDir is the directory of the TUF metadata.
	MetadataDir = "metadata"
)

// Release is the place of one release.
type Release struct {
	Version, OS, Arch string
}

// Dir returns the directory of the release.
func (r Release) Dir() string { return r.Version + "/" + r.OS + "/" + r.Arch }

// Document returns the name of the release's document.
func (r Release) Document() string { return r.File(DocumentName) }

// File returns the name of an artifact, whose path is relative to the document.
func (r Release) File(artifact string) string { return r.Dir() + "/" + artifact }

// ArtifactName returns the name that a publisher gives to an artifact. Clients take
// it from the document.
func (r Release) ArtifactName(product, suffix string) string {
	return product + "-" + r.OS + "-" + r.Arch + "-" + r.Version + suffix
}

// ParseDocument is the inverse of [Release.Document].
func ParseDocument(name string) (Release, bool) {
	p := strings.Split(name, "/")
	if len(p) != 4 || p[3] != DocumentName || !fs.ValidPath(name) {
		return Release{}, false
	}
	return Release{p[0], p[1], p[2]}, true
}

// Metadata returns the name of a file of TUF metadata.
func Metadata(file string) string { return MetadataDir + "/" + file }

// Hashed returns the name under which TUF clients fetch a file with consistent
// snapshots (TUF specification §6.2): its hash in hex, a dot, and its name.
func Hashed(name, hash string) string {
	dir, base := path.Split(name)
	return dir + hash + "." + base
}
