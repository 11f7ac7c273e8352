// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

var now = time.Date(2026, 11, 25, 10, 0, 0, 123456789, time.UTC)

// seeded returns the signer with seed n.
func seeded(t testing.TB, n byte) *Signer {
	t.Helper()
	s, err := NewSigner(t.Context(), mustSigner(t, n))
	require.NoError(t, err)

	return s
}

// memory is a directory of metadata.
type memory map[string][]byte

func (m memory) Fetch(_ context.Context, name string, limit int64) ([]byte, error) {
	raw, ok := m[name]
	switch {
	case !ok:
		return nil, fetch.ErrNotFound
	case int64(len(raw)) > limit:
		return nil, fetch.ErrTooLarge
	}

	return raw, nil
}

func (m memory) Names(context.Context) ([]string, error) { return slices.Sorted(maps.Keys(m)), nil }

// world is a repository and its keys.
type world struct {
	dir                                               memory
	releases                                          map[string]Target
	alice, bob, carol, targets, release, online, evil *Signer
	now                                               time.Time
}

func (w *world) setup() Setup {
	return Setup{
		Root: keysOf(w.alice, w.bob, w.carol), Threshold: 2, Targets: keysOf(w.targets), Release: keysOf(w.release),
		Snapshot: keysOf(w.online), Timestamp: keysOf(w.online), Bins: 4, Validity: DefaultValidity(), Now: w.now,
	}
}

// draftedWorld has drafts and no signature.
func draftedWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		dir: memory{}, releases: map[string]Target{}, now: now,
		alice: seeded(t, 1), bob: seeded(t, 2), carol: seeded(t, 3), targets: seeded(t, 4),
		release: seeded(t, 5), online: seeded(t, 6), evil: seeded(t, 66),
	}
	root, targets, err := Init(w.setup())
	require.NoError(t, err)
	w.put(t, root)
	w.put(t, targets)

	return w
}

// newWorld is complete, and empty.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := draftedWorld(t)
	w.sign(t, w.alice, w.bob)
	w.refresh(t, w.targets, w.release, w.online)

	return w
}

func (w *world) put(t testing.TB, d *Draft) {
	t.Helper()
	f, err := d.File()
	require.NoError(t, err)
	w.dir[f.Name] = f.Content
}

func (w *world) load(t testing.TB) *State {
	t.Helper()
	s, err := Load(t.Context(), w.dir, Options{})
	require.NoError(t, err)

	return s
}

// sign signs the draft of the root and publishes it.
func (w *world) sign(t testing.TB, signers ...*Signer) {
	t.Helper()
	s := w.load(t)
	require.NotNil(t, s.RootDraft)
	for _, signer := range signers {
		require.NoError(t, s.RootDraft.Sign(t.Context(), signer, s.Authority()))
	}
	f, err := s.Adopt(s.RootDraft)
	require.NoError(t, err)
	w.dir[f.Name] = f.Content
	delete(w.dir, RootDraft)
}

func (w *world) rotate(t testing.TB, r Rotation) *Draft {
	t.Helper()
	r.Now = w.now
	d, err := w.load(t).Rotate(r)
	require.NoError(t, err)
	w.put(t, d)

	return d
}

func (w *world) current(_ context.Context, name string) (Target, bool, error) {
	t, ok := w.releases[name]

	return t, ok, nil
}

func (w *world) update(t testing.TB, u Update) (*Result, error) {
	t.Helper()
	u.Now, u.Current = w.now, w.current

	return w.load(t).Update(t.Context(), u)
}

// apply is what a publisher does with a result.
func (w *world) apply(r *Result) {
	for _, f := range r.Artifacts {
		w.dir[f.Name] = f.Content
	}
	if r.Timestamp != nil {
		w.dir[r.Timestamp.Name] = r.Timestamp.Content
	}
	for _, name := range r.Obsolete {
		delete(w.dir, name)
	}
}

func (w *world) refresh(t testing.TB, signers ...*Signer) *Result {
	t.Helper()
	r, err := w.update(t, Update{Signers: signers})
	require.NoError(t, err)
	w.apply(r)

	return r
}

// add publishes a release of some content.
func (w *world) add(t testing.TB, name, content string, signers ...*Signer) *Result {
	t.Helper()
	w.releases[name] = TargetOf([]byte(content))
	r, err := w.update(t, Update{Signers: signers, Set: map[string]Target{name: w.releases[name]}})
	require.NoError(t, err)
	w.apply(r)

	return r
}

// inspect does what update-repo verify does.
func (w *world) inspect(t testing.TB) *Inspection {
	t.Helper()
	v, err := Inspect(t.Context(), w.dir, w.now, nil)
	require.NoError(t, err)
	require.NotNil(t, v)

	return v
}

// requireSees compares all that clients see.
func (w *world) requireSees(t testing.TB, want map[string]Target) *Inspection {
	t.Helper()
	v := w.inspect(t)
	require.Empty(t, v.Faults)
	require.Equal(t, want, v.Targets)

	return v
}

func keysOf(signers ...*Signer) (out []trust.Key) {
	for _, s := range signers {
		out = append(out, s.key)
	}

	return out
}

func names(files []File) []string {
	out := []string{}
	for _, f := range files {
		out = append(out, f.Name)
	}

	return out
}

// brokenSigner is a signer that returns something else than its signature.
type brokenSigner struct {
	signature.Signer
	answer func(message []byte) ([]byte, error)
}

func (s brokenSigner) SignMessage(r io.Reader, _ ...signature.SignOption) ([]byte, error) {
	raw, err := io.ReadAll(r)

	return func() ([]byte, error) {
		out, serr := s.answer(raw)
		return out, errors.Join(err, serr)
	}()
}

// signFile signs metadata that a State would not make.
func signFile[T metadata.Roles](t testing.TB, md *metadata.Metadata[T], r tuf.Keyring, signers ...*Signer) []byte {
	t.Helper()
	require.NoError(t, signAll(t.Context(), md, r, signers))
	raw, err := md.ToBytes(false)
	require.NoError(t, err)

	return raw
}

func edKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func mustSigner(t testing.TB, n byte) signature.Signer {
	t.Helper()
	s, err := signature.LoadED25519Signer(edKey(n))
	require.NoError(t, err)

	return s
}

func ecdsaSigner(t testing.TB) signature.Signer {
	t.Helper()
	s, _, err := signature.NewDefaultECDSASignerVerifier()
	require.NoError(t, err)

	return s
}
