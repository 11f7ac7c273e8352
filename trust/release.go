// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/choria-io/go-updater/internal/jcs"
)

const (
	// ReleaseFormat is the format of release documents that this version reads.
	ReleaseFormat = 1

	maxArtifacts  = 64
	maxPath       = 255
	maxName       = 128
	maxPlatform   = 32
	secondsLayout = "2006-01-02T15:04:05Z"
)

// Release is what a release document of format 1 says. If [Verify] returned it, or
// [Release.Validate] accepted it, all its fields are within their grammars.
type Release struct {
	Format    int64      `json:"format"`    // ReleaseFormat
	Name      string     `json:"name"`      // of the product, see CheckName
	Version   string     `json:"version"`   // see CheckVersion
	OS        string     `json:"os"`        // a GOOS value, see CheckPlatform
	Arch      string     `json:"arch"`      // a GOARCH value, see CheckPlatform
	Binary    string     `json:"binary"`    // path of the artifact for clients of v0.1.0
	Hash      string     `json:"hash"`      // SHA-256 of the uncompressed binary, in lower-case hex
	Size      int64      `json:"size"`      // of the uncompressed binary, in bytes
	Released  time.Time  `json:"released"`  // UTC, whole seconds
	Expires   time.Time  `json:"expires"`   // UTC, whole seconds; not valid at or after it
	Artifacts []Artifact `json:"artifacts"` // 1 to 64
}

// Artifact is one file that yields the binary.
type Artifact struct {
	Path     string `json:"path"`           // relative to the document, see CheckPath
	Encoding string `json:"encoding"`       // how the file is compressed; a client skips artifacts of unknown encodings
	From     string `json:"from,omitempty"` // of a patch: SHA-256 of the binary that it applies to
	Size     int64  `json:"size"`           // of the file, in bytes
	Hash     string `json:"hash"`           // SHA-256 of the file
}

// Validate returns [ErrMalformed], and names the field, if a field is missing or
// outside its grammar.
func (r *Release) Validate() error {
	if r.Format != ReleaseFormat {
		return fmt.Errorf("%w: field %q is %d, this version reads format %d", ErrMalformed, "format", r.Format, ReleaseFormat)
	}
	if err := cmp.Or(
		CheckName(r.Name), CheckVersion(r.Version), CheckPlatform(r.OS, r.Arch),
		checkHash("hash", r.Hash), checkSize("size", r.Size),
		checkWholeSeconds("released", r.Released), checkWholeSeconds("expires", r.Expires),
	); err != nil {
		return err
	}
	if !r.Expires.After(r.Released) {
		return fmt.Errorf("%w: field %q is not after %q", ErrMalformed, "expires", "released")
	}
	return r.validateArtifacts()
}

func (r *Release) validateArtifacts() error {
	if len(r.Artifacts) > maxArtifacts {
		return fmt.Errorf("%w: %d artifacts, the limit is %d", ErrMalformed, len(r.Artifacts), maxArtifacts)
	}
	seen := make(map[string]bool)
	binary := false // an artifact has the path in Binary, which is thereby checked
	for i, a := range r.Artifacts {
		err := cmp.Or(
			CheckPath(a.Path), checkGrammar("encoding", a.Encoding, maxPlatform),
			checkHash("hash", a.Hash), checkSize("size", a.Size),
		)
		if err == nil && a.From != "" {
			err = checkHash("from", a.From)
		}
		if err != nil {
			return fmt.Errorf("artifact %d: %w", i, err)
		}
		// Some file systems ignore case: paths that differ in nothing else are one.
		if seen[jcs.Fold(a.Path)] {
			return fmt.Errorf("%w: artifact %d: path %q is listed twice", ErrMalformed, i, a.Path)
		}
		seen[jcs.Fold(a.Path)] = true
		binary = binary || a.Path == r.Binary && a.From == ""
	}
	if !binary {
		return fmt.Errorf("%w: field %q is not the path of an artifact that holds the whole binary", ErrMalformed, "binary")
	}
	return nil
}

// CheckName returns [ErrMalformed] if s is not a product name: at most 128 bytes,
// [A-Za-z0-9][A-Za-z0-9._+-]*, and a file name on every system (no "..", no dot at
// the end, no device name of Windows).
func CheckName(s string) error { return checkGrammar("name", s, maxName) }

// CheckVersion returns [ErrMalformed] if s is not a version: it has the grammar of
// [CheckName], and is not the name of a directory of the repository itself.
func CheckVersion(s string) error {
	if strings.EqualFold(s, "channels") || strings.EqualFold(s, "metadata") {
		return fmt.Errorf("%w: version %q is reserved for a directory of the repository", ErrMalformed, s)
	}
	return checkGrammar("version", s, maxName)
}

// CheckPlatform returns [ErrMalformed] if os and arch are not [a-z0-9]+, at most 32
// bytes each, as GOOS and GOARCH are.
func CheckPlatform(os, arch string) error {
	for _, f := range []struct{ field, s string }{{"os", os}, {"arch", arch}} {
		if f.s != strings.ToLower(f.s) || strings.ContainsAny(f.s, "._+-") {
			return fmt.Errorf("%w: field %q: %.64q is not [a-z0-9]+", ErrMalformed, f.field, f.s)
		}
		if err := checkGrammar(f.field, f.s, maxPlatform); err != nil {
			return err
		}
	}
	return nil
}

// CheckPath returns [ErrMalformed] if s is not the path of an artifact: names as
// those of [CheckName], separated by slashes, at most 255 bytes. Such a path cannot
// leave the directory of the document (T12), and cannot be the document itself.
func CheckPath(s string) error {
	if len(s) > maxPath {
		return fmt.Errorf("%w: a path of %d bytes, the limit is %d", ErrMalformed, len(s), maxPath)
	}
	if first, _, _ := strings.Cut(s, "/"); strings.EqualFold(first, "release.json") {
		return fmt.Errorf("%w: path %q is reserved for the document", ErrMalformed, s)
	}
	for name := range strings.SplitSeq(s, "/") {
		if err := checkGrammar("path", name, maxPath); err != nil {
			return err
		}
	}
	return nil
}

// checkGrammar accepts a file name that means the same on every system: without
// separators, "..", a dot at the start (hidden) or the end (Windows drops it), and
// not a device name of Windows.
func checkGrammar(field, s string, limit int) error {
	refuse := func(why string) error {
		return fmt.Errorf("%w: field %q: %.64q %s", ErrMalformed, field, s, why)
	}
	if s == "" {
		return fmt.Errorf("%w: field %q is missing or empty", ErrMalformed, field)
	}
	if len(s) > limit {
		return refuse(fmt.Sprintf("has %d bytes, the limit is %d", len(s), limit))
	}
	for i := range len(s) {
		c := s[i]
		alphanumeric := '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !alphanumeric && (i == 0 || !strings.ContainsRune("._+-", rune(c))) {
			return refuse("is not [A-Za-z0-9][A-Za-z0-9._+-]*")
		}
	}
	if strings.Contains(s, "..") || strings.HasSuffix(s, ".") {
		return refuse("has two dots in a row or a dot at its end")
	}
	stem, _, _ := strings.Cut(strings.ToUpper(s), ".")
	switch {
	case stem == "CON", stem == "PRN", stem == "AUX", stem == "NUL",
		len(stem) == 4 && (strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")) && stem[3] >= '0' && stem[3] <= '9':
		return refuse("is a device name on Windows")
	}
	return nil
}

func checkHash(field, s string) error {
	if !isHash(s) {
		return fmt.Errorf("%w: field %q is not a SHA-256 of 64 lower-case hex digits", ErrMalformed, field)
	}
	return nil
}

func checkSize(field string, n int64) error {
	if n < 1 || n > jcs.MaxInteger {
		return fmt.Errorf("%w: field %q is %d, it must be from 1 to 2^53-1", ErrMalformed, field, n)
	}
	return nil
}

func checkWholeSeconds(field string, t time.Time) error {
	if t.IsZero() || t.Location() != time.UTC || t.Nanosecond() != 0 || t.Year() > 9999 || t.Year() < 1 {
		return fmt.Errorf("%w: field %q is not a time in UTC and whole seconds", ErrMalformed, field)
	}
	return nil
}
