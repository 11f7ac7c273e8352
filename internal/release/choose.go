// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package release

import (
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
	full, err := fullArtifacts(v)
	if err != nil {
		return nil, err
	}
	return &full[0], nil
}

// fullArtifacts returns the artifacts that [Full] chooses from, in the order in which
// they are tried. There is at least one.
func fullArtifacts(v *trust.Verified) ([]trust.Artifact, error) {
	if v.Legacy {
		return []trust.Artifact{{Path: v.Release.Binary, Encoding: codec.Bzip2}}, nil
	}
	full := bySize(v.Release.Artifacts, IsFull)
	if len(full) == 0 {
		return nil, ErrNoArtifact
	}
	return full, nil
}

// IsFull reports whether an artifact holds the whole binary in a known encoding.
func IsFull(a trust.Artifact) bool { return a.From == "" && codec.Known(a.Encoding) }

// Patch chooses the smallest patch of the installed file, named by its SHA-256 in
// hex, or nil if none is smaller than full.
func Patch(r *trust.Release, full *trust.Artifact, installed string) *trust.Artifact {
	patches := bySize(r.Artifacts, func(a trust.Artifact) bool { return isPatch(a, full) && a.From == installed })
	if len(patches) == 0 {
		return nil
	}
	return &patches[0]
}

// HasPatch reports whether there is a patch of any file that is smaller than full.
func HasPatch(r *trust.Release, full *trust.Artifact) bool {
	return slices.ContainsFunc(r.Artifacts, func(a trust.Artifact) bool { return isPatch(a, full) })
}

func isPatch(a trust.Artifact, full *trust.Artifact) bool {
	return a.From != "" && a.Encoding == PatchEncoding && a.Size < full.Size
}

// bySize returns the usable artifacts, the smallest first. There are few, and package
// slices would add 7 KB to each program.
func bySize(all []trust.Artifact, usable func(trust.Artifact) bool) (sorted []trust.Artifact) {
	for _, a := range all {
		if !usable(a) {
			continue
		}
		sorted = append(sorted, a)
		for i := len(sorted) - 1; i > 0 && sorted[i].Size < sorted[i-1].Size; i-- {
			sorted[i], sorted[i-1] = sorted[i-1], sorted[i]
		}
	}
	return sorted
}
