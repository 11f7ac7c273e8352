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
	"errors"
	"io/fs"
	"net/url"
	"path"
	"strings"
)

const (
	// DocumentName is the file that describes a release.
	DocumentName = "release.json"

	// MetadataDir is the directory of the TUF metadata.
	MetadataDir = "metadata"
)

// ErrURL is an address that cannot be a repository's. The error never quotes it:
// it may hold a password.
var ErrURL = errors.New("not an http, https or file URL")

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

// ParseURL reads the address of a repository, or returns [ErrURL].
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, ErrURL
	}
	switch {
	case u.Scheme == "file":
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	default:
		return nil, ErrURL
	}
	return u, nil
}

// URL returns the address of a file of the repository at base.
func URL(base *url.URL, name string) *url.URL {
	// Object stores read a plus sign in a path as a space unless it is escaped.
	escaped := strings.TrimSuffix(base.EscapedPath(), "/") + "/" + strings.ReplaceAll(name, "+", "%2B")
	u := *base
	u.RawPath = escaped
	// Of the escaped form, because the base may end in an escaped slash. It can
	// be unescaped: EscapedPath is valid, and a name has no percent sign.
	u.Path, _ = url.PathUnescape(escaped)
	return &u
}
