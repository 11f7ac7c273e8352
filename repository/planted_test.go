// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf/publish"
)

// plantedFile puts a file where somebody could who can write to the repository.
func plantedFile(t *testing.T, r *Repository, name, content string) {
	t.Helper()
	full := filepath.Join(r.dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
	require.NoError(t, os.WriteFile(full, []byte(content), 0o644))
}

// addAnother publishes another version after a kill, so that it cleans up.
func addAnother(t *testing.T, r *Repository) ([]Published, error) {
	t.Helper()
	plantedFile(t, r, lockName, "")
	req := request(t, 30)
	req.Version = "1.2.9"

	return r.Add(t.Context(), req)
}

// A document that is not understood may name any file, and so may one that a person
// renamed.
func TestE8_OddDocumentsKeepTheirArtifacts(t *testing.T) {
	artifact := linuxDir + "choria-linux-amd64-1.2.3.bz2"
	for name, tc := range map[string]struct {
		change func(t *testing.T, file string)
		goes   bool
	}{
		"none": {func(t *testing.T, file string) { require.NoError(t, os.Remove(file)) }, true},
		"null": {func(t *testing.T, file string) { require.NoError(t, os.WriteFile(file, []byte("null"), 0o644)) }, false},
		"a path with dot": {func(t *testing.T, file string) {
			require.NoError(t, os.WriteFile(file, []byte(`{"binary":"./`+filepath.Base(artifact)+`"}`), 0o644))
		}, false},
		"a link to nothing": {func(t *testing.T, file string) {
			require.NoError(t, os.Remove(file))
			require.NoError(t, os.Symlink("elsewhere.json", file))
		}, false},
		"a directory": {func(t *testing.T, file string) {
			require.NoError(t, os.Remove(file))
			require.NoError(t, os.Mkdir(file, 0o755))
		}, false},
		"renamed": {func(t *testing.T, file string) { require.NoError(t, os.Rename(file, file+".off")) }, false},
		"renamed in its case": {func(t *testing.T, file string) {
			require.NoError(t, os.Rename(file, strings.Replace(file, "release.json", "Release.json", 1)))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir, r := published(t)
			tc.change(t, filepath.Join(dir, linuxDocument))
			_, err := addAnother(t, r)
			require.NoError(t, err)
			if tc.goes {
				require.NoFileExists(t, filepath.Join(dir, artifact))
			} else {
				require.FileExists(t, filepath.Join(dir, artifact))
			}
		})
	}
}

// A marker that is not true any longer does not take clients back: the next timestamp is
// above any that they can have seen.
func TestE6_OldMarkerIsHarmless(t *testing.T) {
	r := create(t, t.TempDir())
	withTUF(t, r)
	for seed := range int64(3) {
		req := tufRequest(t, seed, true)
		req.Force = true
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
	}
	require.NoError(t, os.Remove(filepath.Join(r.dir, timestamp)))
	plantedFile(t, r, layout.Metadata(publish.NoTimestamp), "")
	before, err := filepath.Glob(filepath.Join(r.dir, layout.MetadataDir, "*.snapshot.json"))
	require.NoError(t, err)
	require.Len(t, before, 2)
	_, err = r.RefreshTUF(t.Context(), RefreshTUFRequest{TUF: tufWith(t, onlineSeed), Now: now})
	require.NoError(t, err)
	require.Equal(t, now.Unix(), requireFirstTimestamp(t, r.dir))
	for _, file := range before {
		require.FileExists(t, file)
	}
}

// A draft in the repository may be anybody's. A key that is given to rotate signs none
// that it does not make.
func TestRotateSignsNoUnreadDraft(t *testing.T) {
	change := publish.Rotation{Roles: []string{publish.Timestamp}, Add: keyOfSeed(t, 77), Now: now}
	for name, tc := range map[string]struct {
		planted publish.Rotation
		err     error
	}{
		"its own":         {change, nil},
		"another key":     {publish.Rotation{Roles: []string{publish.Root}, Add: keyOfSeed(t, 66), Now: now}, publish.ErrDraft},
		"a later expiry":  {publish.Rotation{Roles: change.Roles, Add: change.Add, Now: now.AddDate(1, 0, 0)}, publish.ErrDraft},
		"an earlier day":  {publish.Rotation{Roles: change.Roles, Add: change.Add, Now: now.AddDate(0, 0, -1)}, nil},
		"an earlier year": {publish.Rotation{Roles: change.Roles, Add: change.Add, Now: now.AddDate(-1, 0, 0)}, publish.ErrRequest},
	} {
		t.Run(name, func(t *testing.T) {
			r := create(t, t.TempDir())
			withTUF(t, r)
			_, err := r.RotateTUF(t.Context(), TUF{}, tc.planted)
			require.NoError(t, err)
			before := digests(t, r.dir)
			_, err = r.RotateTUF(t.Context(), tufWith(t, rootSeed), change)
			require.ErrorIs(t, err, tc.err)
			if tc.err != nil {
				require.Equal(t, before, digests(t, r.dir))
			}
		})
	}
}

// A draft that expires when it should not is not taken for one of a killed command.
func TestInitTakesNoDraftOfAnotherTime(t *testing.T) {
	for _, years := range []int{900, -1} {
		r := create(t, t.TempDir())
		require.NoError(t, initTUF(t, r, now.AddDate(years, 0, 0)))
		require.ErrorIs(t, initTUF(t, r, now), ErrExists)
	}
}

// Metadata that does not go back to the trusted root does not say what goes.
func TestCleanUpTrustsTheGivenRoot(t *testing.T) {
	r, other := create(t, t.TempDir()), create(t, t.TempDir())
	withTUF(t, r)
	_, err := r.Add(t.Context(), tufRequest(t, 1, true))
	require.NoError(t, err)
	pin, err := os.ReadFile(filepath.Join(r.dir, layout.Metadata("1.root.json")))
	require.NoError(t, err)
	draftedAt(t, other, now.Add(time.Hour)) // another root
	require.NoError(t, signRoot(t.Context(), t, other))
	_, err = other.RefreshTUF(t.Context(), RefreshTUFRequest{TUF: tufWith(t, targetsSeed, releaseSeed, onlineSeed), Now: now})
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(r.dir, layout.MetadataDir)))
	require.NoError(t, os.CopyFS(filepath.Join(r.dir, layout.MetadataDir), os.DirFS(filepath.Join(other.dir, layout.MetadataDir))))
	plantedFile(t, r, layout.Metadata(publish.NoTimestamp), "") // which could go, by that metadata
	before := digests(t, r.dir)
	plantedFile(t, r, lockName, "")
	req := tufRequest(t, 1, true)
	req.TUF.TrustedRoot = pin
	_, err = r.Add(t.Context(), req)
	require.ErrorIs(t, err, publish.ErrPinned)
	require.Equal(t, before, digests(t, r.dir))
}

// After a kill, a key that did not sign what is published is not told that it did.
func TestSignTUFAgainIsForTheKeyThatSigned(t *testing.T) {
	r := create(t, t.TempDir())
	_, err := r.InitTUF(t.Context(), publish.Setup{
		Root: append(keyOfSeed(t, rootSeed), keyOfSeed(t, 77)...), Threshold: 1, Targets: keyOfSeed(t, targetsSeed), Release: keyOfSeed(t, releaseSeed),
		Snapshot: keyOfSeed(t, onlineSeed), Timestamp: keyOfSeed(t, onlineSeed), Bins: 2, Validity: publish.DefaultValidity(), Now: now,
	})
	require.NoError(t, err)
	require.NoError(t, signRoot(t.Context(), t, r))
	plantedFile(t, r, lockName, "")
	require.NoError(t, signRoot(t.Context(), t, r))
	plantedFile(t, r, lockName, "")
	other, _ := seeded(t, 77)
	_, err = r.SignTUF(t.Context(), SignTUFRequest{Signer: other, Now: now})
	require.ErrorIs(t, err, publish.ErrKey)
}

// Only what a transaction leaves behind is taken for a kill.
func TestPlantedFileIsNoKill(t *testing.T) {
	_, r := published(t)
	orphan := linuxDir + "choria-linux-amd64-1.2.3.zst"
	plantedFile(t, r, orphan, "")
	plantedFile(t, r, workPrefix+"x", "")
	req := request(t, 30)
	req.Version = "1.2.9"
	_, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(r.dir, orphan))
}

// Patches that are missing from what is done already are named.
func TestE4_MissingPatchesAreNamed(t *testing.T) {
	_, r := withVersions(t, "1.2.2", "1.2.3")
	req := similar(t, "1.2.3")
	req.PatchFrom = []string{"1.2.2"}
	out, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	require.True(t, out[0].Already)
	require.Contains(t, strings.Join(out[0].Warnings, "\n"), "without patches")
}
