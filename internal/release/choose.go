// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"cmp"
	"errors"
	"slices"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/trust"
)

// PatchEncoding is that of an artifact that makes the new binary from an old one.
const PatchEncoding = "bsdiff"

// ErrNoArtifact is a release without an artifact in a known encoding.
var ErrNoArtifact = errors.New("release has no artifact in a known encoding")

// Full chooses the artifact that a client takes which has nothing: the smallest
// one that holds the whole binary in a known encoding. A document of v0.1.0 names
// one file, always bzip2, of unknown size.
func Full(v *trust.Verified) (*trust.Artifact, error) {
	if v.Legacy {
		return &trust.Artifact{Path: v.Release.Binary, Encoding: codec.Bzip2}, nil
	}
	full := smallest(v.Release.Artifacts, IsFull)
	if full == nil {
		return nil, ErrNoArtifact
	}
	return full, nil
}

// IsFull reports whether an artifact holds the whole binary in a known encoding.
func IsFull(a trust.Artifact) bool { return a.From == "" && codec.Known(a.Encoding) }

// Patch chooses the smallest patch of the installed file, named by its SHA-256 in
// hex, or nil if none is smaller than full.
func Patch(r *trust.Release, full *trust.Artifact, installed string) *trust.Artifact {
	return smallest(r.Artifacts, func(a trust.Artifact) bool { return isPatch(a, full) && a.From == installed })
}

// HasPatch reports whether there is a patch of any file that is smaller than full.
func HasPatch(r *trust.Release, full *trust.Artifact) bool {
	return slices.ContainsFunc(r.Artifacts, func(a trust.Artifact) bool { return isPatch(a, full) })
}

func isPatch(a trust.Artifact, full *trust.Artifact) bool {
	return a.From != "" && a.Encoding == PatchEncoding && a.Size < full.Size
}

func smallest(all []trust.Artifact, usable func(trust.Artifact) bool) *trust.Artifact {
	candidates := slices.DeleteFunc(slices.Clone(all), func(a trust.Artifact) bool { return !usable(a) })
	if len(candidates) == 0 {
		return nil
	}
	return new(slices.MinFunc(candidates, func(a, b trust.Artifact) int { return cmp.Compare(a.Size, b.Size) }))
}
