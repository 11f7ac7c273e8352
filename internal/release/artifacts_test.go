// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package release_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/codec/bsdiff/diff"
	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/release"
)

// publishThree publishes a patch of the old binary and two full artifacts. Random bytes
// make bzip2 the largest of the three.
func publishThree(t *testing.T) (p *published, work release.Workspace) {
	t.Helper()
	from := make([]byte, 20_000)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(from)
	to := append(bytes.Clone(from), "and something new"...)
	path := filepath.Join(t.TempDir(), "old")
	require.NoError(t, os.WriteFile(path, from, 0o755))
	work.Installed = func() (*os.File, string, error) {
		f, err := os.Open(path)
		return f, sum(from), err
	}
	var patch bytes.Buffer
	require.NoError(t, diff.Write(t.Context(), &patch, from, to, nil))

	p = publish(t)
	p.verified.Release.Hash, p.verified.Release.Size, p.verified.Release.Artifacts = sum(to), int64(len(to)), nil
	p.add("app.bz2", codec.Bzip2, "", compress(t, to))
	p.add("app.unknown", "brotli", "", []byte("x"))
	p.add("app.none", codec.None, "", to)
	p.add("app.patch", release.PatchEncoding, sum(from), patch.Bytes())
	return p, work
}

// The artifacts are tried in the order of what they cost, until one makes the binary.
func TestC6_ArtifactsAreTriedInOrder(t *testing.T) {
	all := []string{at.File("app.patch"), at.File("app.none"), at.File("app.bz2")}
	for missing := range len(all) + 1 {
		p, work := publishThree(t)
		for _, name := range all[:missing] {
			delete(p.files, name)
		}
		s, log := newSource(t, p.repository)
		target := filepath.Join(t.TempDir(), "new")
		err := s.Binary(t.Context(), p.verified, target, work)
		require.Equal(t, all[:min(missing+1, len(all))], p.requests())
		if missing < len(all) {
			require.NoError(t, err)
			require.FileExists(t, target)
			require.Len(t, log.warn, missing, "each failure")
			continue
		}
		require.ErrorIs(t, err, fetch.ErrNotFound)
		for _, name := range all {
			require.ErrorContains(t, err, name, "the errors of all")
		}
		require.NotContains(t, err.Error(), "\n")
		requireNothing(t, target)
	}
}

// What this machine or the caller stopped is not tried with another artifact.
func TestC6_NothingElseHelps(t *testing.T) {
	t.Run("the file cannot be created", func(t *testing.T) {
		p, _ := publishThree(t)
		s, log := newSource(t, p.repository)
		target := filepath.Join(t.TempDir(), "new")
		require.NoError(t, os.WriteFile(target, nil, 0o600))
		err := s.Binary(t.Context(), p.verified, target, release.Workspace{})
		local := &fetch.LocalError{}
		require.ErrorAs(t, err, &local)
		require.Len(t, p.requests(), 1)
		require.Empty(t, log.warn)
	})
	t.Run("no place for the download", func(t *testing.T) {
		p, _ := publishThree(t)
		s, _ := newSource(t, p.repository)
		err := s.Binary(t.Context(), p.verified, filepath.Join(t.TempDir(), "absent", "new"), release.Workspace{})
		require.ErrorIs(t, err, os.ErrNotExist)
		require.Equal(t, 1, strings.Count(err.Error(), "absent"))
		require.Empty(t, p.requests())
	})
	t.Run("cancelled", func(t *testing.T) {
		p, _ := publishThree(t)
		s, log := newSource(t, p.repository)
		ctx, cancel := context.WithCancel(t.Context())
		p.answer = func(http.ResponseWriter, *http.Request) bool { cancel(); return false }
		require.ErrorIs(t, s.Binary(ctx, p.verified, filepath.Join(t.TempDir(), "new"), release.Workspace{}), context.Canceled)
		require.Len(t, p.requests(), 1)
		require.Empty(t, log.warn)
	})
}

// Each artifact is asked for once at each repository, whatever is wrong with all.
func TestC6_Bounded(t *testing.T) {
	p, _ := publishThree(t)
	mirror, _ := publishThree(t)
	for name, content := range p.files {
		p.files[name] = bytes.Repeat([]byte("x"), len(content))
		mirror.files[name] = p.files[name]
	}
	s, _ := newSource(t, p.repository, mirror.repository)
	target := filepath.Join(t.TempDir(), "new")
	require.ErrorIs(t, s.Binary(t.Context(), p.verified, target, release.Workspace{}), release.ErrHash)
	require.Len(t, p.requests(), 2)
	require.Len(t, mirror.requests(), 2)
	requireNothing(t, target)
}

func TestNothingIsKeptNowhere(t *testing.T) {
	p := publish(t)
	p.files[at.Document()] = []byte("document")
	s, _ := newSource(t, p.repository)
	answer, err := s.Document(t.Context(), release.Cache{}, accept)
	require.NoError(t, err)
	require.False(t, answer.Kept())
	require.NoError(t, release.Cache{}.Keep(answer))
}
