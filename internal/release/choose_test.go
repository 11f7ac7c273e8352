// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package release_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/trust"
)

func TestFullIsTheSmallestKnownArtifactOfTheWholeBinary(t *testing.T) {
	big := trust.Artifact{Path: "big", Encoding: codec.Bzip2, Size: 100}
	small := trust.Artifact{Path: "small", Encoding: codec.Zstd, Size: 50}
	unknown := trust.Artifact{Path: "unknown", Encoding: "brotli", Size: 10}
	patch := trust.Artifact{Path: "patch", Encoding: release.PatchEncoding, Size: 5, From: "aa"}
	knownPatch := trust.Artifact{Path: "known patch", Encoding: codec.Zstd, Size: 5, From: "aa"}
	for name, tc := range map[string]struct {
		artifacts []trust.Artifact
		want      string // "": ErrNoArtifact
	}{
		"the smallest":           {[]trust.Artifact{big, small}, "small"},
		"whatever the order":     {[]trust.Artifact{small, big}, "small"},
		"no unknown encoding":    {[]trust.Artifact{big, unknown}, "big"},
		"no patch":               {[]trust.Artifact{patch, knownPatch, big}, "big"},
		"unknown encodings only": {[]trust.Artifact{unknown}, ""},
		"patches only":           {[]trust.Artifact{patch, knownPatch}, ""},
		"nothing":                {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := release.Full(&trust.Verified{Release: trust.Release{Artifacts: tc.artifacts}})
			if tc.want == "" {
				require.ErrorIs(t, err, release.ErrNoArtifact)
				require.Nil(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got.Path)
		})
	}
}

func TestFullOfV010IsBzip2OfUnknownSize(t *testing.T) {
	got, err := release.Full(&trust.Verified{Legacy: true, Release: trust.Release{Binary: "app.bz2"}})
	require.NoError(t, err)
	require.Equal(t, &trust.Artifact{Path: "app.bz2", Encoding: codec.Bzip2}, got)
}

func TestPatchIsTheSmallestOneForTheInstalledFile(t *testing.T) {
	full := &trust.Artifact{Path: "full", Encoding: codec.Bzip2, Size: 100}
	patch := func(path, from, encoding string, size int64) trust.Artifact {
		return trust.Artifact{Path: path, Encoding: encoding, From: from, Size: size}
	}
	const bsdiff = release.PatchEncoding
	for name, tc := range map[string]struct {
		artifacts []trust.Artifact
		want      string // "": no patch
		any       bool   // there is a patch for some file
	}{
		"the smallest":            {[]trust.Artifact{*full, patch("b", "aa", bsdiff, 20), patch("a", "aa", bsdiff, 10)}, "a", true},
		"of another file":         {[]trust.Artifact{*full, patch("a", "bb", bsdiff, 10)}, "", true},
		"just smaller than full":  {[]trust.Artifact{*full, patch("a", "aa", bsdiff, 99)}, "a", true},
		"not smaller than full":   {[]trust.Artifact{*full, patch("a", "aa", bsdiff, 100)}, "", false},
		"of an unknown encoding":  {[]trust.Artifact{*full, patch("a", "aa", "vcdiff", 10)}, "", false},
		"not a patch":             {[]trust.Artifact{*full, patch("a", "", bsdiff, 10)}, "", false},
		"whole binaries only":     {[]trust.Artifact{*full}, "", false},
		"the smallest of another": {[]trust.Artifact{*full, patch("a", "bb", bsdiff, 10), patch("b", "aa", bsdiff, 20)}, "b", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := &trust.Release{Artifacts: tc.artifacts}
			require.Equal(t, tc.any, release.HasPatch(r, full))
			got := release.Patch(r, full, "aa")
			if tc.want == "" {
				require.Nil(t, got)
				return
			}
			require.NotNil(t, got)
			require.Equal(t, tc.want, got.Path)
		})
	}
}

func TestChoosingDoesNotChangeTheRelease(t *testing.T) {
	artifacts := []trust.Artifact{{Path: "a", Encoding: "unknown", Size: 1}, {Path: "b", Encoding: codec.Bzip2, Size: 2}}
	v := &trust.Verified{Release: trust.Release{Artifacts: artifacts}}
	full, err := release.Full(v)
	require.NoError(t, err)
	full.Path = "changed"
	require.Equal(t, []trust.Artifact{{Path: "a", Encoding: "unknown", Size: 1}, {Path: "b", Encoding: codec.Bzip2, Size: 2}}, artifacts)
}
