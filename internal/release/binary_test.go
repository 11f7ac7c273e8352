// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package release_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/codec/bsdiff/diff"
	"github.com/choria-io/go-updater/internal/codec/bz2"
	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/trust"
)

var (
	oldBinary = bytes.Repeat([]byte("the old program "), 1000)
	newBinary = append(bytes.Clone(oldBinary), "and something new"...)
)

// published is a repository with one release, whose document was verified.
type published struct {
	*repository
	verified *trust.Verified
}

func publish(t *testing.T) *published {
	t.Helper()
	p := &published{repository: newRepository(t), verified: &trust.Verified{Release: trust.Release{
		Binary: "app.bz2", Hash: sum(newBinary), Size: int64(len(newBinary)),
	}}}
	p.add("app.bz2", codec.Bzip2, "", compress(t, newBinary))
	return p
}

func compress(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := bz2.NewWriter(&out)
	require.NoError(t, err)
	_, err = w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func (p *published) add(path, encoding, from string, content []byte) {
	p.files[at.File(path)] = content
	p.verified.Release.Artifacts = append(p.verified.Release.Artifacts, trust.Artifact{
		Path: path, Encoding: encoding, From: from, Size: int64(len(content)), Hash: sum(content),
	})
}

// addPatch adds a patch of the old binary, and returns it.
func (p *published) addPatch(t *testing.T) *trust.Artifact {
	t.Helper()
	var patch bytes.Buffer
	require.NoError(t, diff.Write(t.Context(), &patch, oldBinary, newBinary, nil))
	p.add("app.patch", release.PatchEncoding, sum(oldBinary), patch.Bytes())
	// Uncompressed, so that it is larger than the patch.
	full := newBinary
	p.files[at.File("app.bz2")] = full
	p.verified.Release.Artifacts[0] = trust.Artifact{Path: "app.bz2", Encoding: codec.None, Size: int64(len(full)), Hash: sum(full)}
	return &p.verified.Release.Artifacts[1]
}

// installed is a Workspace with the old binary.
func installed(t *testing.T) (release.Workspace, *[]*os.File) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "old")
	require.NoError(t, os.WriteFile(path, oldBinary, 0o755))
	opened := &[]*os.File{}
	return release.Workspace{Installed: func() (*os.File, string, error) {
		f, err := os.Open(path)
		*opened = append(*opened, f)
		return f, sum(oldBinary), err
	}}, opened
}

// requireNothing asserts that nothing was left of a refused binary.
func requireNothing(t *testing.T, target string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(target))
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestBinaryIsCreated(t *testing.T) {
	p := publish(t)
	s, _ := newSource(t, p.repository)
	var mu sync.Mutex
	last := map[release.Phase]release.Progress{}
	s.Progress = func(r release.Progress) {
		mu.Lock()
		defer mu.Unlock()
		last[r.Phase] = r
	}
	target := filepath.Join(t.TempDir(), "new")
	require.NoError(t, s.Binary(t.Context(), p.verified, target, release.Workspace{}))
	got, err := os.ReadFile(target)
	require.NoError(t, err)
	require.Equal(t, newBinary, got)
	entries, err := os.ReadDir(filepath.Dir(target))
	require.NoError(t, err)
	require.Len(t, entries, 1, "the artifact was removed")
	if runtime.GOOS != "windows" {
		info, err := entries[0].Info()
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode(), "private until it is installed")
	}

	artifact := p.verified.Release.Artifacts[0]
	require.Equal(t, artifact.Size, last[release.PhaseDownload].Done)
	require.Equal(t, artifact.Size, last[release.PhaseDownload].Total)
	require.Equal(t, int64(len(newBinary)), last[release.PhaseUnpack].Done)
	require.Equal(t, int64(len(newBinary)), last[release.PhaseUnpack].Total)
}

// An artifact or binary that is not the signed one is refused, and nothing is left.
func TestOtherBinaryIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(t *testing.T, p *published)
		want    error
		decoded bool // a decoder has seen the artifact
	}{
		"another artifact of the same length": {func(_ *testing.T, p *published) {
			content := bytes.Clone(p.files[at.File("app.bz2")])
			content[len(content)/2] ^= 1
			p.files[at.File("app.bz2")] = content
		}, release.ErrHash, false},
		"a longer artifact": {func(_ *testing.T, p *published) {
			p.files[at.File("app.bz2")] = append(bytes.Clone(p.files[at.File("app.bz2")]), ' ')
		}, release.ErrHash, false},
		"a shorter artifact": {func(_ *testing.T, p *published) {
			content := p.files[at.File("app.bz2")]
			p.files[at.File("app.bz2")] = content[:len(content)-1]
		}, release.ErrHash, false},
		"no artifact": {func(_ *testing.T, p *published) { delete(p.files, at.File("app.bz2")) }, fetch.ErrNotFound, false},
		"a known encoding is missing": {func(_ *testing.T, p *published) {
			p.verified.Release.Artifacts[0].Encoding = "brotli"
		}, release.ErrNoArtifact, false},
		"an artifact above MaxSize": {func(_ *testing.T, p *published) {
			p.verified.Release.Artifacts[0].Size = 1<<20 + 1
		}, fetch.ErrTooLarge, false},
		"another binary in the artifact": {func(_ *testing.T, p *published) { p.verified.Release.Hash = sum(oldBinary) }, release.ErrHash, true},
		"a longer binary":                {func(_ *testing.T, p *published) { p.verified.Release.Size-- }, release.ErrHash, true},
		"a shorter binary":               {func(_ *testing.T, p *published) { p.verified.Release.Size++ }, release.ErrHash, true},
		"a corrupt artifact, signed": {func(t *testing.T, p *published) {
			p.verified.Release.Artifacts = nil
			p.add("app.bz2", codec.Bzip2, "", []byte("not bzip2"))
		}, release.ErrHash, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := publish(t)
			tc.change(t, p)
			s, _ := newSource(t, p.repository)
			decoded := false
			s.Progress = func(r release.Progress) { decoded = decoded || r.Phase == release.PhaseUnpack }
			target := filepath.Join(t.TempDir(), "new")
			err := s.Binary(t.Context(), p.verified, target, release.Workspace{})
			require.ErrorIs(t, err, tc.want)
			if !tc.decoded {
				require.False(t, decoded)
			}
			requireNothing(t, target)
		})
	}
}

// An artifact above MaxSize is not even requested.
func TestArtifactAboveMaxSizeIsNotRequested(t *testing.T) {
	p := publish(t)
	s, _ := newSource(t, p.repository)
	s.MaxSize = p.verified.Release.Artifacts[0].Size
	require.NoError(t, s.Binary(t.Context(), p.verified, filepath.Join(t.TempDir(), "new"), release.Workspace{}))
	p.requests()
	s.MaxSize--
	require.ErrorIs(t, s.Binary(t.Context(), p.verified, filepath.Join(t.TempDir(), "new"), release.Workspace{}), fetch.ErrTooLarge)
	require.Empty(t, p.requests())
}

func TestTargetThatExistsIsNotWritten(t *testing.T) {
	p := publish(t)
	s, _ := newSource(t, p.repository)
	target := filepath.Join(t.TempDir(), "new")
	require.NoError(t, os.WriteFile(target, []byte("precious"), 0o600))
	require.ErrorIs(t, s.Binary(t.Context(), p.verified, target, release.Workspace{}), fs.ErrExist)
	got, err := os.ReadFile(target)
	require.NoError(t, err)
	require.Equal(t, "precious", string(got))
}

func TestBinaryComesFromAMirror(t *testing.T) {
	p, empty := publish(t), newRepository(t)
	s, _ := newSource(t, empty, p.repository)
	target := filepath.Join(t.TempDir(), "new")
	require.NoError(t, s.Binary(t.Context(), p.verified, target, release.Workspace{}))
	require.FileExists(t, target)
}

func TestPatchIsUsed(t *testing.T) {
	p := publish(t)
	p.addPatch(t)
	delete(p.files, at.File("app.bz2"))
	s, _ := newSource(t, p.repository)
	work, opened := installed(t)
	target := filepath.Join(t.TempDir(), "new")
	require.NoError(t, s.Binary(t.Context(), p.verified, target, work))
	got, err := os.ReadFile(target)
	require.NoError(t, err)
	require.Equal(t, newBinary, got)
	require.Equal(t, []string{at.File("app.patch")}, p.requests())
	require.ErrorIs(t, (*opened)[0].Close(), os.ErrClosed, "the installed file is closed")
}

func TestFullArtifactIsUsedIfThePatchFails(t *testing.T) {
	for name, change := range map[string]func(p *published, patch *trust.Artifact, work *release.Workspace){
		"no patch there": func(p *published, _ *trust.Artifact, _ *release.Workspace) { delete(p.files, at.File("app.patch")) },
		"a corrupt patch, signed": func(p *published, patch *trust.Artifact, _ *release.Workspace) {
			p.files[at.File("app.patch")] = []byte("not a patch")
			patch.Size, patch.Hash = 11, sum([]byte("not a patch"))
		},
		"another file is installed": func(_ *published, _ *trust.Artifact, work *release.Workspace) {
			open := work.Installed
			work.Installed = func() (*os.File, string, error) {
				f, _, err := open()
				return f, sum([]byte("another")), err
			}
		},
		"the patch is of another file than it says": func(_ *published, patch *trust.Artifact, work *release.Workspace) {
			other := filepath.Join(t.TempDir(), "other")
			require.NoError(t, os.WriteFile(other, []byte("another"), 0o600))
			patch.From = sum([]byte("another"))
			work.Installed = func() (*os.File, string, error) {
				f, err := os.Open(other)
				return f, patch.From, err
			}
		},
		"the installed file cannot be read": func(_ *published, _ *trust.Artifact, work *release.Workspace) {
			work.Installed = func() (*os.File, string, error) { return nil, "", fs.ErrPermission }
		},
		"no installed file": func(_ *published, _ *trust.Artifact, work *release.Workspace) { work.Installed = nil },
	} {
		t.Run(name, func(t *testing.T) {
			p := publish(t)
			patch := p.addPatch(t)
			work, opened := installed(t)
			change(p, patch, &work)
			s, _ := newSource(t, p.repository)
			target := filepath.Join(t.TempDir(), "new")
			require.NoError(t, s.Binary(t.Context(), p.verified, target, work))
			got, err := os.ReadFile(target)
			require.NoError(t, err)
			require.Equal(t, newBinary, got)
			for _, f := range *opened {
				require.ErrorIs(t, f.Close(), os.ErrClosed)
			}
		})
	}
}

func TestCancelledPatchIsNotFollowedByTheFullArtifact(t *testing.T) {
	p := publish(t)
	p.addPatch(t)
	s, log := newSource(t, p.repository)
	work, _ := installed(t)
	ctx, cancel := context.WithCancel(t.Context())
	p.answer = func(http.ResponseWriter, *http.Request) bool { cancel(); return false }
	target := filepath.Join(t.TempDir(), "new")
	require.ErrorIs(t, s.Binary(ctx, p.verified, target, work), context.Canceled)
	require.Equal(t, []string{at.File("app.patch")}, p.requests())
	require.Empty(t, log.warn, "the patch did not fail")
	requireNothing(t, target)
}

// Opening the installed file means hashing it.
func TestInstalledFileIsOpenedForAPatchOnly(t *testing.T) {
	p := publish(t)
	s, _ := newSource(t, p.repository)
	work, opened := installed(t)
	require.NoError(t, s.Binary(t.Context(), p.verified, filepath.Join(t.TempDir(), "new"), work))
	require.Empty(t, *opened)
}

// partial is a Workspace that keeps downloads.
func partial(t *testing.T) (work release.Workspace, kept *[]bool) {
	t.Helper()
	dir := t.TempDir()
	kept = &[]bool{}
	work.Partial = func(hash string) (*os.File, func(bool) error, error) {
		f, err := os.OpenFile(filepath.Join(dir, hash), os.O_RDWR|os.O_CREATE, 0o600)
		return f, func(keep bool) error { *kept = append(*kept, keep); return f.Close() }, err
	}
	return work, kept
}

// What broke off is worth keeping. What was refused is not, and what was installed
// is not needed.
func TestBrokenDownloadIsKept(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(p *published, cancel func())
		want   error
		keep   bool
	}{
		"installed": {func(*published, func()) {}, nil, false},
		"an answer that is an error": {func(p *published, _ func()) {
			p.answer = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusTeapot); return true }
		}, fetch.ErrStatus, true},
		"a connection that ends": {func(p *published, _ func()) {
			p.answer = func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
		}, fetch.ErrConnection, true},
		"cancelled": {func(p *published, cancel func()) {
			p.answer = func(http.ResponseWriter, *http.Request) bool { cancel(); return false }
		}, context.Canceled, true},
		"another artifact": {func(p *published, _ func()) {
			content := bytes.Clone(p.files[at.File("app.bz2")])
			content[0] ^= 1
			p.files[at.File("app.bz2")] = content
		}, release.ErrHash, false},
		"another binary": {func(p *published, _ func()) { p.verified.Release.Hash = sum(oldBinary) }, release.ErrHash, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := publish(t)
			s, _ := newSource(t, p.repository)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			tc.change(p, cancel)
			work, kept := partial(t)
			require.ErrorIs(t, s.Binary(ctx, p.verified, filepath.Join(t.TempDir(), "new"), work), tc.want)
			require.Equal(t, []bool{tc.keep}, *kept)
		})
	}
}

func TestPartialThatCannotBeOpened(t *testing.T) {
	p := publish(t)
	s, _ := newSource(t, p.repository)
	target := filepath.Join(t.TempDir(), "new")
	failure := errors.New("failed")
	err := s.Binary(t.Context(), p.verified, target, release.Workspace{
		Partial: func(string) (*os.File, func(bool) error, error) { return nil, nil, failure },
	})
	require.ErrorIs(t, err, failure)
	requireNothing(t, target)
}

// With Create no file is opened by its path.
func TestCreateMakesAllFiles(t *testing.T) {
	for want, content := range map[error][]byte{nil: newBinary, release.ErrHash: oldBinary} {
		p := publish(t)
		p.files[at.File("app.bz2")] = compress(t, content)
		s, _ := newSource(t, p.repository)
		dir := t.TempDir()
		created, removed := 0, 0
		err := s.Binary(t.Context(), p.verified, filepath.Join(t.TempDir(), "absent", "new"), release.Workspace{
			Create: func(path string) (*os.File, func() error, error) {
				created++
				path = filepath.Join(dir, filepath.Base(path))
				f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
				return f, func() error { removed++; return os.Remove(path) }, err
			},
		})
		require.ErrorIs(t, err, want)
		left, readErr := os.ReadDir(dir)
		require.NoError(t, readErr)
		require.Len(t, left, created-removed)
		if want == nil {
			require.Equal(t, []int{2, 1}, []int{created, removed}, "the artifact and the binary")
		} else {
			require.Empty(t, left)
		}
	}
}

func TestDecodingStopsWhenTheContextIsDone(t *testing.T) {
	p := publish(t)
	large := bytes.Repeat(newBinary, 100)
	p.verified.Release.Hash, p.verified.Release.Size, p.verified.Release.Artifacts = sum(large), int64(len(large)), nil
	p.add("app.bz2", codec.Bzip2, "", compress(t, large))
	s, _ := newSource(t, p.repository)
	s.MaxSize = int64(len(large))
	ctx, cancel := context.WithCancel(t.Context())
	s.Progress = func(r release.Progress) {
		if r.Phase == release.PhaseUnpack {
			cancel()
		}
	}
	target := filepath.Join(t.TempDir(), "new")
	require.ErrorIs(t, s.Binary(ctx, p.verified, target, release.Workspace{}), context.Canceled)
	requireNothing(t, target)
}

// A document of v0.1.0 has the path of the artifact and the hash of the binary.
func TestBinaryOfV010(t *testing.T) {
	legacy := func() *trust.Verified {
		return &trust.Verified{Legacy: true, Release: trust.Release{Binary: "app.bz2", Hash: sum(newBinary)}}
	}
	t.Run("from the repository that has it", func(t *testing.T) {
		p, empty, other := publish(t), newRepository(t), publish(t)
		other.files[at.File("app.bz2")] = compress(t, oldBinary)
		s, _ := newSource(t, empty, other.repository, p.repository)
		target := filepath.Join(t.TempDir(), "new")
		require.NoError(t, s.Binary(t.Context(), legacy(), target, release.Workspace{}))
		got, err := os.ReadFile(target)
		require.NoError(t, err)
		require.Equal(t, newBinary, got)
	})
	t.Run("not in a partial download, which is named by the hash of the artifact", func(t *testing.T) {
		p := publish(t)
		s, _ := newSource(t, p.repository)
		work, kept := partial(t)
		require.NoError(t, s.Binary(t.Context(), legacy(), filepath.Join(t.TempDir(), "new"), work))
		require.Empty(t, *kept)
	})
	t.Run("no further than MaxSize", func(t *testing.T) {
		p := publish(t)
		p.files[at.File("app.bz2")] = compress(t, make([]byte, 1<<20))
		s, _ := newSource(t, p.repository)
		s.MaxSize = 1 << 10
		s.Progress = func(r release.Progress) {
			if r.Phase == release.PhaseUnpack {
				require.LessOrEqual(t, r.Done, int64(1<<10+1))
			}
		}
		target := filepath.Join(t.TempDir(), "new")
		require.ErrorIs(t, s.Binary(t.Context(), legacy(), target, release.Workspace{}), fetch.ErrTooLarge)
		requireNothing(t, target)
	})
	for name, tc := range map[string]struct {
		content []byte
		maxSize int64
		want    error
	}{
		"an artifact that is too long after its end": {
			append(compress(t, newBinary), make([]byte, len(newBinary))...), int64(len(newBinary)), fetch.ErrTooLarge,
		},
		"another binary":              {compress(t, oldBinary), 1 << 20, release.ErrHash},
		"not bzip2":                   {[]byte("not bzip2"), 1 << 20, release.ErrHash},
		"a binary above MaxSize":      {compress(t, newBinary), int64(len(newBinary)) - 1, fetch.ErrTooLarge},
		"an artifact above MaxSize":   {compress(t, newBinary), 10, fetch.ErrTooLarge},
		"a binary of exactly MaxSize": {compress(t, newBinary), int64(len(newBinary)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := publish(t)
			p.files[at.File("app.bz2")] = tc.content
			s, _ := newSource(t, p.repository)
			s.MaxSize = tc.maxSize
			target := filepath.Join(t.TempDir(), "new")
			err := s.Binary(t.Context(), legacy(), target, release.Workspace{})
			require.ErrorIs(t, err, tc.want)
			if tc.want != nil {
				requireNothing(t, target)
			}
		})
	}
}
