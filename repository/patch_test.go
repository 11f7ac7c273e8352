// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/trust"
)

func TestPatchesAreAdded(t *testing.T) {
	race.Skip(t, "too slow; TestVerifyAppliesPatches makes patches too")
	_, r := withVersions(t, "1.2.2", "1.10.0", "1.9.0", "2.0.0", "nightly")

	t.Run("from named versions", func(t *testing.T) {
		req := similar(t, "1.11.0")
		req.PatchFrom = []string{"1.10.0", "nightly"}
		var last, total int64
		req.Progress = func(done, of int64) { last, total = done, of }
		out, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, total, last)
		require.Equal(t, []string{"1.11.0-from-1.10.0.patch", "1.11.0-from-nightly.patch"}, patches(out[0]))
		require.Empty(t, out[0].Warnings)
		a := out[0].Artifacts[1]
		require.Equal(t, "bsdiff", a.Encoding)
		old, err := r.List(t.Context(), Filter{Version: "1.10.0", OS: "linux"})
		require.NoError(t, err)
		require.Equal(t, old[0].Hash, a.From)
		require.Less(t, a.Size, out[0].Artifacts[0].Size/10)
		require.Len(t, patches(out[1]), 2)
	})

	t.Run("from the latest versions", func(t *testing.T) {
		req := similar(t, "1.11.1")
		req.Patches = 2
		out, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, []string{"1.11.1-from-1.11.0.patch", "1.11.1-from-1.10.0.patch"}, patches(out[0]))
	})

	t.Run("from fewer if there are fewer", func(t *testing.T) {
		req := similar(t, "1.9.1")
		req.Patches = 5
		out, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, []string{"1.9.1-from-1.9.0.patch", "1.9.1-from-1.2.2.patch"}, patches(out[0]))
	})

	t.Run("none that saves little", func(t *testing.T) {
		req := request(t, 50)
		req.Version, req.Patches = "2.0.1", 1
		out, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.Empty(t, patches(out[0]))
		require.Len(t, out[0].Warnings, 1)
		require.Contains(t, out[0].Warnings[0], "no patch from 2.0.0 linux/amd64: it has ")
		require.Contains(t, out[0].Warnings[0], "saves less than 30 %")
	})

	t.Run("none from the same binary", func(t *testing.T) {
		req := similar(t, "2.0.0")
		req.Version, req.PatchFrom = "2.0.2", []string{"2.0.0"}
		out, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.Empty(t, patches(out[0]))
		require.Contains(t, out[0].Warnings[0], "it is the same binary")
	})
}

func TestVerifyWarnsOfPatchWithoutItsRelease(t *testing.T) {
	dir, r := withVersions(t, "1.2.2")
	req := similar(t, "1.2.3")
	req.Files, req.PatchFrom = req.Files[:1], []string{"1.2.2"}
	_, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	report := verifyAll(t, r)
	require.True(t, report.OK(), "%+v", report)
	for _, c := range report.Releases {
		require.Empty(t, c.Warnings)
	}

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "1.2.2")))
	report = verifyAll(t, r)
	require.True(t, report.OK())
	require.Equal(t, []string{"artifact choria-linux-amd64-1.2.3-from-1.2.2.patch was not applied: the release that it starts from was not found"}, report.Releases[0].Warnings)
}

// A patch that matches its document, but makes another binary.
func TestVerifyAppliesPatches(t *testing.T) {
	dir, r := withVersions(t, "1.2.1", "1.2.2")
	req := similar(t, "1.2.3")
	req.Files, req.PatchFrom = req.Files[:1], []string{"1.2.1", "1.2.2"}
	_, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	require.True(t, verifyAll(t, r).OK())

	resign(t, dir, func(rel *trust.Release) {
		rel.Artifacts[1].From, rel.Artifacts[2].From = rel.Artifacts[2].From, rel.Artifacts[1].From
	})
	report := verifyAll(t, r)
	require.False(t, report.OK())
	c := report.Releases[len(report.Releases)-1]
	require.Len(t, c.Faults, 2)
	require.ErrorIs(t, c.Faults[0].Err, ErrHash)
	require.Contains(t, c.Faults[0].Message, "the binary in it has sha256")
}

func TestPatchesRefused(t *testing.T) {
	race.Skip(t, "too slow; TestVerifyAppliesPatches makes patches too")
	artifact := "1.2.2/linux/amd64/choria-linux-amd64-1.2.2.bz2"
	for name, tc := range map[string]struct {
		change func(t *testing.T, dir string, req *AddRequest)
		want   error
		says   string
	}{
		"same version":   {func(_ *testing.T, _ string, r *AddRequest) { r.PatchFrom = []string{"1.2.3"} }, ErrRequest, "not older"},
		"newer":          {func(_ *testing.T, _ string, r *AddRequest) { r.PatchFrom = []string{"1.3.0"} }, ErrRequest, "not older"},
		"twice":          {func(_ *testing.T, _ string, r *AddRequest) { r.PatchFrom = []string{"1.2.2", "1.2.2"} }, ErrRequest, "twice"},
		"a path":         {func(_ *testing.T, _ string, r *AddRequest) { r.PatchFrom = []string{"../1.2.2"} }, trust.ErrMalformed, ""},
		"negative":       {func(_ *testing.T, _ string, r *AddRequest) { r.PatchFrom, r.Patches = nil, -1 }, ErrRequest, ""},
		"both":           {func(_ *testing.T, _ string, r *AddRequest) { r.Patches = 1 }, ErrRequest, ""},
		"no order":       {func(_ *testing.T, _ string, r *AddRequest) { r.PatchFrom, r.Patches, r.Version = nil, 1, "nightly" }, ErrRequest, ""},
		"not published":  {func(_ *testing.T, _ string, r *AddRequest) { r.PatchFrom = []string{"1.2.1"} }, ErrNoRelease, `version "1.2.1" is not published for linux/amd64`},
		"other platform": {func(_ *testing.T, _ string, r *AddRequest) { r.Files[1].Arch = "386" }, ErrNoRelease, "windows/386"},
		"other product":  {func(_ *testing.T, _ string, r *AddRequest) { r.Name = "agent" }, trust.ErrMismatch, ""},
		"other key":      {func(t *testing.T, _ string, r *AddRequest) { r.Signer, _ = seeded(t, 2) }, trust.ErrSignature, ""},
		"damaged": {func(t *testing.T, dir string, _ *AddRequest) {
			flip(t, filepath.Join(dir, artifact))
		}, ErrHash, "1.2.2"},
		"truncated": {func(t *testing.T, dir string, _ *AddRequest) {
			rewrite(t, filepath.Join(dir, artifact), func(b []byte) []byte { return b[:100] })
		}, ErrHash, "100 bytes"},
		"gone": {func(t *testing.T, dir string, _ *AddRequest) {
			require.NoError(t, os.Remove(filepath.Join(dir, artifact)))
		}, ErrMissing, artifact},
		"unsigned": {func(t *testing.T, dir string, _ *AddRequest) {
			rewrite(t, filepath.Join(dir, "1.2.2/linux/amd64/release.json"), func(b []byte) []byte {
				return []byte(strings.Replace(string(b), `"signature"`, `"signed"`, 1))
			})
		}, trust.ErrUnsigned, ""},
		"altered": {func(t *testing.T, dir string, _ *AddRequest) {
			rewrite(t, filepath.Join(dir, "1.2.2/linux/amd64/release.json"), func(b []byte) []byte {
				return []byte(strings.Replace(string(b), `"size": 8192`, `"size": 8193`, 1))
			})
		}, trust.ErrSignature, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir, r := withVersions(t, "1.2.2", "1.3.0")
			req := similar(t, "1.2.3")
			req.PatchFrom = []string{"1.2.2"}
			tc.change(t, dir, &req)
			before := tree(t, dir)
			_, err := r.Add(t.Context(), req)
			require.ErrorIs(t, err, tc.want)
			require.ErrorContains(t, err, tc.says)
			require.Equal(t, before, tree(t, dir))
		})
	}
}

func TestLatestPatchesSkipOtherReleases(t *testing.T) {
	_, r := withVersions(t, "1.2.0")
	other := similar(t, "1.2.1")
	other.Signer, _ = seeded(t, 2)
	_, err := r.Add(t.Context(), other)
	require.NoError(t, err)
	agent := similar(t, "1.2.2")
	agent.Name = "agent"
	_, err = r.Add(t.Context(), agent)
	require.NoError(t, err)

	req := similar(t, "1.2.3")
	req.Patches = 1
	out, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, []string{"1.2.3-from-1.2.0.patch"}, patches(out[0]))
	require.Len(t, out[0].Warnings, 2)
}

// Clients that run an expired release need the patch.
func TestPatchFromExpired(t *testing.T) {
	_, r := withVersions(t, "1.2.2")
	req := similar(t, "1.2.3")
	req.Now = now.AddDate(3, 0, 0)
	req.Expires, req.PatchFrom = req.Now.AddDate(1, 0, 0), []string{"1.2.2"}
	out, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	require.Len(t, patches(out[0]), 1)
}

// A document of v0.1.0 has neither a size nor a list of artifacts.
func TestLatestPatchesSkipLegacyReleases(t *testing.T) {
	unsigned := func(version string) AddRequest {
		req := similar(t, version)
		req.Signer, req.InsecureUnsigned = nil, true
		return req
	}
	dir := t.TempDir()
	r := create(t, dir)
	for _, v := range []string{"1.2.2", "1.2.3"} {
		_, err := r.Add(t.Context(), unsigned(v))
		require.NoError(t, err)
	}
	legacy(t, dir)
	req := unsigned("1.2.4")
	req.Patches = 1
	out, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, []string{"1.2.4-from-1.2.2.patch"}, patches(out[0]))
	require.Contains(t, out[0].Warnings[0], "no patch from 1.2.3 linux/amd64: ")
}
