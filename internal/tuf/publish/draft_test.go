// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"errors"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/trust"
)

func TestInitRefuses(t *testing.T) {
	w := draftedWorld(t)
	for name, change := range map[string]func(s *Setup){
		"no root key":                  func(s *Setup) { s.Root = nil },
		"a threshold of 0":             func(s *Setup) { s.Threshold = 0 },
		"a threshold below 0":          func(s *Setup) { s.Threshold = -1 },
		"a threshold above the keys":   func(s *Setup) { s.Threshold = 4 },
		"a key twice":                  func(s *Setup) { s.Root = append(s.Root, s.Root[0]) },
		"no targets key":               func(s *Setup) { s.Targets = nil },
		"no release key":               func(s *Setup) { s.Release = nil },
		"no snapshot key":              func(s *Setup) { s.Snapshot = nil },
		"no timestamp key":             func(s *Setup) { s.Timestamp = nil },
		"a root key that is online":    func(s *Setup) { s.Timestamp = s.Root[:1] },
		"a root key that is released":  func(s *Setup) { s.Release = s.Root[:1] },
		"a targets key that is online": func(s *Setup) { s.Snapshot = s.Targets },
		"a targets key for releases":   func(s *Setup) { s.Release = s.Targets },
		"one bin":                      func(s *Setup) { s.Bins = 1 },
		"no bins":                      func(s *Setup) { s.Bins = 0 },
		"bins below 0":                 func(s *Setup) { s.Bins = -4 },
		"bins that are no power of 2":  func(s *Setup) { s.Bins = 100 },
		"too many bins":                func(s *Setup) { s.Bins = 2 * MaxBins },
		"no validity":                  func(s *Setup) { s.Validity.Bins = 0 },
		"a validity of half a second":  func(s *Setup) { s.Validity.Snapshot = 1500 * time.Millisecond },
		"a validity without end":       func(s *Setup) { s.Validity.Root = 101 * 365 * day },
	} {
		t.Run(name, func(t *testing.T) {
			s := w.setup()
			change(&s)
			_, _, err := Init(s)
			require.ErrorIs(t, err, ErrRequest)
		})
	}
}

// Two root holders on machines of their own, and a third who merges.
func TestRootIsSignedByOneAfterTheOther(t *testing.T) {
	w := draftedWorld(t)
	copied := func() *Draft {
		d, err := ParseDraft(w.dir[RootDraft])
		require.NoError(t, err)
		return d
	}
	s := w.load(t)
	require.False(t, s.Exists())
	d := s.RootDraft
	_, err := d.Finish(nil)
	require.ErrorIs(t, err, trust.ErrUnsigned)

	atBobs := copied()
	require.NoError(t, atBobs.Sign(t.Context(), w.bob, nil))
	added, err := d.Merge(atBobs, nil)
	require.NoError(t, err)
	require.Equal(t, 1, added)
	added, err = d.Merge(atBobs, nil)
	require.NoError(t, err)
	require.Zero(t, added, "the same again")

	for range 2 { // the second time changes nothing
		require.NoError(t, d.Sign(t.Context(), w.bob, nil))
	}
	progress, err := d.Progress(nil)
	require.NoError(t, err)
	require.Equal(t, []Progress{{Of: Root, Threshold: 2, Signed: []string{KeyID(w.bob.key)}, Missing: []string{KeyID(w.alice.key), KeyID(w.carol.key)}}}, progress)
	_, err = d.Finish(nil)
	require.ErrorIs(t, err, trust.ErrThreshold, "one key counts once")

	for _, other := range []*Signer{w.evil, w.online, w.targets} {
		require.ErrorIs(t, d.Sign(t.Context(), other, nil), ErrKey)
	}
	require.NoError(t, d.Sign(t.Context(), w.alice, nil))
	f, err := d.Finish(nil)
	require.NoError(t, err)
	require.Equal(t, "1.root.json", f.Name)
	_, err = ParseAuthority(f.Content)
	require.NoError(t, err)
}

func TestMergeTakesOnlyValidSignaturesOfTheSameDraft(t *testing.T) {
	w := draftedWorld(t)
	s := w.load(t)
	forged, err := ParseDraft(w.dir[RootDraft])
	require.NoError(t, err)
	forged.root.Signatures = []metadata.Signature{
		{KeyID: KeyID(w.alice.key), Signature: make([]byte, 64)},
		{KeyID: KeyID(w.evil.key), Signature: make([]byte, 64)},
	}
	added, err := s.RootDraft.Merge(forged, nil)
	require.NoError(t, err)
	require.Zero(t, added)
	require.Empty(t, s.RootDraft.root.Signatures)

	other, err := ParseDraft(w.dir[RootDraft])
	require.NoError(t, err)
	other.root.Signed.Expires = other.root.Signed.Expires.Add(time.Second)
	require.NoError(t, other.Sign(t.Context(), w.alice, nil))
	_, err = s.RootDraft.Merge(other, nil)
	require.ErrorIs(t, err, ErrDraft)
	_, err = s.RootDraft.Merge(s.TargetsDraft, nil)
	require.ErrorIs(t, err, ErrDraft)
	require.Empty(t, s.RootDraft.root.Signatures)
}

// A signature is over the bytes that were read: a draft that is changed afterwards
// has none.
func TestChangedDraftHasNoSignatures(t *testing.T) {
	w := draftedWorld(t)
	s := w.load(t)
	require.NoError(t, s.RootDraft.Sign(t.Context(), w.alice, nil))
	require.NoError(t, s.RootDraft.Sign(t.Context(), w.bob, nil))
	_, err := s.RootDraft.Finish(nil)
	require.NoError(t, err)
	s.RootDraft.root.Signed.Roles[Root].Threshold = 1
	_, err = s.RootDraft.Finish(nil)
	require.ErrorIs(t, err, trust.ErrSignature)
}

func TestBrokenSigners(t *testing.T) {
	w := newWorld(t)
	private, err := signature.LoadED25519Signer(edKey(6))
	require.NoError(t, err)
	for name, answer := range map[string]func([]byte) ([]byte, error){
		"an error":          func([]byte) ([]byte, error) { return nil, errors.New("out of order") },
		"nothing":           func([]byte) ([]byte, error) { return nil, nil },
		"zeros":             func([]byte) ([]byte, error) { return make([]byte, 64), nil },
		"over other bytes":  func(m []byte) ([]byte, error) { return w.online.sign(t.Context(), append(m, ' ')) },
		"by another key":    func(m []byte) ([]byte, error) { return w.evil.sign(t.Context(), m) },
		"and it panics":     func([]byte) ([]byte, error) { panic("no") },
		"one byte too long": func(m []byte) ([]byte, error) { s, err := w.online.sign(t.Context(), m); return append(s, 0), err },
	} {
		t.Run(name, func(t *testing.T) {
			broken, err := NewSigner(t.Context(), brokenSigner{private, answer})
			require.NoError(t, err)
			w.now = now.AddDate(0, 0, 10)
			_, err = w.update(t, Update{Signers: []*Signer{broken}})
			require.ErrorIs(t, err, ErrSigner)
			d := w.rotate(t, Rotation{Roles: []string{Root}})
			root, err := NewSigner(t.Context(), brokenSigner{mustSigner(t, 1), answer})
			require.NoError(t, err)
			require.ErrorIs(t, d.Sign(t.Context(), root, w.load(t).Authority()), ErrSigner)
			require.Empty(t, d.root.Signatures)
		})
	}
}

func TestRotate(t *testing.T) {
	w := newWorld(t)
	id := func(s *Signer) string { return KeyID(s.key) }

	for name, r := range map[string]Rotation{
		"a key that is not there":    {Roles: []string{Root}, Remove: []string{id(w.evil)}},
		"too short a beginning":      {Roles: []string{Root}, Remove: []string{id(w.alice)[:7]}},
		"an empty id":                {Roles: []string{Root}, Remove: []string{""}},
		"a key that is there":        {Roles: []string{Root}, Add: keysOf(w.bob)},
		"a threshold above the keys": {Roles: []string{Root}, Threshold: 4},
		"too few keys left":          {Roles: []string{Root}, Remove: []string{id(w.alice), id(w.bob)}},
		"no keys left":               {Roles: []string{Snapshot}, Remove: []string{id(w.online)}},
		"a root key online":          {Roles: []string{Snapshot}, Add: keysOf(w.alice)},
		"a root key that signs bins": {Roles: []string{Root}, Add: keysOf(w.release)},
		"a root key for releases":    {Roles: []string{Bins}, Add: keysOf(w.alice)},
		"an unknown role":            {Roles: []string{"mirrors"}},
	} {
		t.Run(name, func(t *testing.T) {
			r.Now = now
			_, err := w.load(t).Rotate(r)
			require.ErrorIs(t, err, ErrRequest)
		})
	}

	t.Run("several changes are one version", func(t *testing.T) {
		dave := seeded(t, 7)
		w.rotate(t, Rotation{Roles: []string{Root}, Remove: []string{id(w.carol)[:8]}, Add: keysOf(dave)})
		d := w.rotate(t, Rotation{Roles: []string{Targets}, Add: keysOf(seeded(t, 8))})
		require.Equal(t, int64(2), d.Version())
		sum := w.load(t).Summary(d)
		require.Equal(t, []string{"new key " + id(dave), "no longer key " + id(w.carol)}, sum.Roles[0].Changes)
		require.Equal(t, []string{"new key " + id(seeded(t, 8))}, sum.Roles[1].Changes)
		require.Empty(t, sum.Roles[2].Changes)
		require.NotContains(t, d.root.Signed.Keys, id(w.carol), "no role has it any longer")
	})

	t.Run("both the old and the new threshold have to sign", func(t *testing.T) {
		s := w.load(t)
		present := s.Authority()
		dave := seeded(t, 7)
		require.NoError(t, s.RootDraft.Sign(t.Context(), dave, present))
		require.NoError(t, s.RootDraft.Sign(t.Context(), w.alice, present))
		_, err := s.RootDraft.Finish(present)
		require.ErrorIs(t, err, trust.ErrThreshold, "two of the new, one of the old")
		require.NoError(t, s.RootDraft.Sign(t.Context(), w.carol, present), "a key that is removed signs for the old root")
		_, err = s.RootDraft.Finish(present)
		require.NoError(t, err)
	})
}

func TestDraftOfAnotherVersionIsNotSigned(t *testing.T) {
	w := newWorld(t)
	d := w.rotate(t, Rotation{Roles: []string{Root}})
	d.root.Signed.Version = 3
	require.ErrorIs(t, d.Sign(t.Context(), w.alice, w.load(t).Authority()), ErrDraft)
	w.put(t, d)
	s := w.load(t)
	require.Nil(t, s.RootDraft)
	require.Len(t, s.Problems, 1)
}

// A root holder sees all that is signed: these drafts say something that a list of
// keys does not show.
func TestDraftsThatHideSomething(t *testing.T) {
	w := draftedWorld(t)
	t.Run("a key under the id of another", func(t *testing.T) {
		s := w.load(t)
		evil, _, err := newKey(w.evil.key)
		require.NoError(t, err)
		s.RootDraft.root.Signed.Keys[KeyID(w.carol.key)] = evil
		sum := s.Summary(s.RootDraft)
		require.Equal(t, []string{KeyID(w.carol.key) + " is not the id of its key"}, sum.Roles[0].Changes)
		require.Equal(t, w.evil.key.ID(), sum.Roles[0].Keys[2].Fingerprint)
	})
	t.Run("the same of a key that is there", func(t *testing.T) {
		w := newWorld(t)
		dave := seeded(t, 7).key
		d := w.rotate(t, Rotation{Roles: []string{Root}, Add: []trust.Key{dave}})
		evil, _, err := newKey(w.evil.key)
		require.NoError(t, err)
		d.root.Signed.Keys[KeyID(w.carol.key)] = evil
		d.root.Signed.Keys[KeyID(dave)] = evil
		require.Equal(t, []string{
			"another key has the id " + KeyID(w.carol.key), "new key " + KeyID(dave), KeyID(dave) + " is not the id of its key",
		}, w.load(t).Summary(d).Roles[0].Changes)
	})
	t.Run("targets beside the bins", func(t *testing.T) {
		s := w.load(t)
		s.TargetsDraft.targets.Signed.Targets["9.9.9/linux/amd64/release.json"] = &metadata.TargetFiles{Length: 1, Hashes: metadata.Hashes{"sha256": make([]byte, 32)}}
		f, err := s.TargetsDraft.File()
		require.NoError(t, err)
		_, err = ParseDraft(f.Content)
		require.ErrorIs(t, err, trust.ErrMalformed)
	})
	t.Run("roles beside the bins", func(t *testing.T) {
		sound := w.dir[TargetsDraft]
		edit(t, w, TargetsDraft, func(signed map[string]any) {
			signed["delegations"].(map[string]any)["roles"] = []any{map[string]any{"name": "thief", "keyids": []any{}, "threshold": 1, "terminating": true, "paths": []any{"*"}}}
		})
		_, err := ParseDraft(w.dir[TargetsDraft])
		require.ErrorIs(t, err, trust.ErrMalformed)
		w.dir[TargetsDraft] = sound
	})
}

// Keys of other kinds, from other programs, stay in a root.
func TestForeignKeysStay(t *testing.T) {
	w := draftedWorld(t)
	s := w.load(t)
	s.RootDraft.root.Signed.Keys["theirs"] = &metadata.Key{Type: "ecdsa", Scheme: "ecdsa-sha2-nistp256", Value: metadata.KeyVal{PublicKey: "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmXXenh4drSgIB5z8+1mJ3fgXpUYE\nQ63yVfFPmDBA2Sn+/F1sNu8WfZsrxi9I6mLpbZw5UXQOaVDNnHmqhh0ewA==\n-----END PUBLIC KEY-----\n"}}
	s.RootDraft.root.Signed.Roles[Targets].KeyIDs = append(s.RootDraft.root.Signed.Roles[Targets].KeyIDs, "theirs")
	s.RootDraft.root.Signed.UnrecognizedFields = map[string]any{"x-theirs": "too"}
	w.put(t, s.RootDraft)
	w.sign(t, w.alice, w.bob)
	d := w.rotate(t, Rotation{Roles: []string{Root}, Remove: []string{KeyID(w.carol.key)}})
	require.Equal(t, "ecdsa", d.root.Signed.Keys["theirs"].Type)
	require.Contains(t, d.root.Signed.Roles[Targets].KeyIDs, "theirs")
	require.Equal(t, "too", d.root.Signed.UnrecognizedFields["x-theirs"])
	require.Equal(t, 365*day, validityOf(d.root.Signed.Roles[Root].UnrecognizedFields, Root))
}

func TestNewSignerRefusesOtherKeys(t *testing.T) {
	_, err := NewSigner(t.Context(), ecdsaSigner(t))
	require.Error(t, err)
	require.NotEqual(t, KeyID(seeded(t, 1).key), KeyID(seeded(t, 2).key))
	require.NotEqual(t, trust.Key{}, seeded(t, 1).Key())
}

func FuzzParseDraft(f *testing.F) {
	w := draftedWorld(f)
	f.Add(w.dir[RootDraft])
	f.Add(w.dir[TargetsDraft])
	f.Add([]byte(`{"signed":{"_type":"root","keys":{"a":null},"roles":null},"signatures":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := ParseDraft(raw)
		if err != nil {
			return
		}
		one, err := d.File()
		require.NoError(t, err)
		again, err := ParseDraft(one.Content)
		require.NoError(t, err)
		other, err := again.File()
		require.NoError(t, err)
		require.Equal(t, string(one.Content), string(other.Content))
		same, err := sameSigned(d.signed(), again.signed())
		require.NoError(t, err)
		require.True(t, same)
		d.Summary(nil)
		_, _ = d.Progress(nil)
		_, _ = d.Finish(nil)
	})
}
