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
	// ReleaseFormat is the only format of release documents there is.
	ReleaseFormat = 1

	maxArtifacts  = 64
	maxPath       = 255
	maxName       = 128
	maxPlatform   = 32
	secondsLayout = "2006-01-02T15:04:05Z"
)

// Release is the signed content of a release document, format 1. A Release
// that [Verify] returned, or that passed Validate, has all its fields within
// their grammars.
type Release struct {
	Format    int64      `json:"format"`    // ReleaseFormat
	Name      string     `json:"name"`      // the product
	Version   string     `json:"version"`   //
	OS        string     `json:"os"`        // as GOOS
	Arch      string     `json:"arch"`      // as GOARCH
	Binary    string     `json:"binary"`    // path of the artifact that v0.1.0 clients take
	Hash      string     `json:"hash"`      // hex sha256 of the uncompressed binary
	Size      int64      `json:"size"`      // bytes of the uncompressed binary
	Released  time.Time  `json:"released"`  // UTC, whole seconds
	Expires   time.Time  `json:"expires"`   // UTC, whole seconds; not valid at or after it
	Artifacts []Artifact `json:"artifacts"` // 1 to 64 files that hold the binary
}

// Artifact is one file from which the binary can be had.
type Artifact struct {
	Path     string `json:"path"`           // relative to the document
	Encoding string `json:"encoding"`       // a client skips those it does not know
	From     string `json:"from,omitempty"` // hex sha256 of the binary that a patch applies to
	Size     int64  `json:"size"`           // bytes of the file
	Hash     string `json:"hash"`           // hex sha256 of the file
}

// Validate refuses with [ErrMalformed], naming the field, a release that is
// incomplete or outside the grammars of the format.
func (r *Release) Validate() error {
	if r.Format != ReleaseFormat {
		return fmt.Errorf("%w: field %q is %d, this version reads %d", ErrMalformed, "format", r.Format, ReleaseFormat)
	}
	if err := cmp.Or(
		CheckName(r.Name), CheckVersion(r.Version), CheckPlatform(r.OS, r.Arch),
		checkHash("hash", r.Hash), checkSize("size", r.Size),
		checkTime("released", r.Released), checkTime("expires", r.Expires),
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
		return fmt.Errorf("%w: %d artifacts, at most %d are allowed", ErrMalformed, len(r.Artifacts), maxArtifacts)
	}
	seen := make(map[string]bool)
	binary := false // its path is checked as an artifact's
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
		// Names that some file system takes for one another are one name.
		if seen[jcs.Fold(a.Path)] {
			return fmt.Errorf("%w: artifact %d: path %q is listed twice", ErrMalformed, i, a.Path)
		}
		seen[jcs.Fold(a.Path)] = true
		binary = binary || a.Path == r.Binary && a.From == ""
	}
	if !binary {
		return fmt.Errorf("%w: field %q names no listed artifact", ErrMalformed, "binary")
	}
	return nil
}

// CheckName refuses with [ErrMalformed] what is not a product name: one file
// name of [A-Za-z0-9][A-Za-z0-9._+-]*, at most 128 bytes, that every system
// can store.
func CheckName(s string) error { return checkGrammar("name", s, maxName) }

// CheckVersion refuses with [ErrMalformed] what cannot name a version: the
// grammar of [CheckName], less the names of a repository's own directories.
func CheckVersion(s string) error {
	if strings.EqualFold(s, "channels") || strings.EqualFold(s, "metadata") {
		return fmt.Errorf("%w: version %q is the name of a directory of the repository", ErrMalformed, s)
	}
	return checkGrammar("version", s, maxName)
}

// CheckPlatform refuses with [ErrMalformed] what cannot be an operating system
// and an architecture, as Go names them: [a-z0-9]+, at most 32 bytes each.
func CheckPlatform(os, arch string) error {
	for _, f := range []struct{ field, s string }{{"os", os}, {"arch", arch}} {
		if f.s != strings.ToLower(f.s) || strings.ContainsAny(f.s, "._+-") {
			return fmt.Errorf("%w: field %q: %.64q is not of [a-z0-9]+", ErrMalformed, f.field, f.s)
		}
		if err := checkGrammar(f.field, f.s, maxPlatform); err != nil {
			return err
		}
	}
	return nil
}

// CheckPath refuses with [ErrMalformed] what is not the path of an artifact:
// slash-separated names of [A-Za-z0-9][A-Za-z0-9._+-]*, at most 255 bytes,
// that cannot leave the document's directory nor name the document.
func CheckPath(s string) error {
	if len(s) > maxPath {
		return fmt.Errorf("%w: a path of %d bytes, at most %d are allowed", ErrMalformed, len(s), maxPath)
	}
	if first, _, _ := strings.Cut(s, "/"); strings.EqualFold(first, "release.json") {
		return fmt.Errorf("%w: path %q is the document's own", ErrMalformed, s)
	}
	for name := range strings.SplitSeq(s, "/") {
		if err := checkGrammar("path", name, maxPath); err != nil {
			return err
		}
	}
	return nil
}

// checkGrammar accepts one file name that means the same on every system: no
// separators, no "..", nothing hidden, no trailing dot (which Windows drops)
// and no device name of Windows.
func checkGrammar(field, s string, limit int) error {
	refuse := func(why string) error {
		return fmt.Errorf("%w: field %q: %.64q %s", ErrMalformed, field, s, why)
	}
	if s == "" {
		return fmt.Errorf("%w: field %q is missing or empty", ErrMalformed, field)
	}
	if len(s) > limit {
		return refuse(fmt.Sprintf("has %d bytes, at most %d are allowed", len(s), limit))
	}
	for i := range len(s) {
		c := s[i]
		alphanumeric := '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !alphanumeric && (i == 0 || !strings.ContainsRune("._+-", rune(c))) {
			return refuse("is not of [A-Za-z0-9][A-Za-z0-9._+-]*")
		}
	}
	if strings.Contains(s, "..") || strings.HasSuffix(s, ".") {
		return refuse("has two dots in a row or one at its end")
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
		return fmt.Errorf("%w: field %q is not 64 lower-case hex digits", ErrMalformed, field)
	}
	return nil
}

func checkSize(field string, n int64) error {
	if n < 1 || n > jcs.MaxInteger {
		return fmt.Errorf("%w: field %q is %d, a size is 1 to 2^53-1 bytes", ErrMalformed, field, n)
	}
	return nil
}

func checkTime(field string, t time.Time) error {
	if t.IsZero() || t.Location() != time.UTC || t.Nanosecond() != 0 || t.Year() > 9999 || t.Year() < 1 {
		return fmt.Errorf("%w: field %q is not a time in UTC and whole seconds", ErrMalformed, field)
	}
	return nil
}
