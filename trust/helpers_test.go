// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/semver"

	"github.com/choria-io/go-updater/internal/jcs"
	"github.com/choria-io/go-updater/trust"
)

// member is a JSON object.
type member = map[string]any

// testKey is a key pair for tests. Its seed is public: never trust it.
type testKey struct {
	trust.Key
	private ed25519.PrivateKey
}

func newTestKey(label string) testKey {
	seed := sha256.Sum256([]byte("go-updater TEST KEY, DO NOT USE: " + label))
	private := ed25519.NewKeyFromSeed(seed[:])
	return testKey{Key: must(trust.NewKey(private.Public().(ed25519.PublicKey))), private: private}
}

// sign returns the signature of the document in base64.
func (k testKey) sign(document []byte) string {
	return encode(ed25519.Sign(k.private, must(trust.SignedBytes(trust.ReleaseType, document))))
}

// cosignature returns k's cosignature of the document.
func (k testKey) cosignature(document []byte) member {
	return member{"key": k.ID(), "signature": k.sign(document)}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func encode(raw []byte) string { return base64.StdEncoding.EncodeToString(raw) }

func write(v any) []byte { return must(json.Marshal(v)) }

// canonical returns the RFC 8785 form of a document, with its signatures.
func canonical(document []byte) []byte { return jcs.Format(must(jcs.Parse(document))) }

// release returns a valid document without signatures.
func release() member {
	return member{
		"format": 1, "name": "choria", "version": "1.2.3", "os": "linux", "arch": "amd64",
		"binary": "choria-linux-amd64-1.2.3.bz2",
		"hash":   strings.Repeat("0a", 32), "size": 52428800,
		"released": "2026-11-23T10:00:00Z", "expires": "2027-11-23T10:00:00Z",
		"artifacts": []any{artifact()},
	}
}

func artifact() member {
	return member{
		"path": "choria-linux-amd64-1.2.3.bz2", "encoding": "bzip2",
		"size": 20971520, "hash": strings.Repeat("0b", 32),
	}
}

// with returns a copy of m in which name is value.
func with(m member, name string, value any) member {
	m = maps.Clone(m)
	m[name] = value
	return m
}

// without returns a copy of m without name.
func without(m member, name string) member {
	m = maps.Clone(m)
	delete(m, name)
	return m
}

// signed returns m signed by the first key and cosigned by the others.
func signed(m member, key testKey, cosigners ...testKey) []byte {
	body := write(m)
	m = with(m, "signature", key.sign(body))
	if len(cosigners) > 0 {
		var co []any
		for _, k := range cosigners {
			co = append(co, k.cosignature(body))
		}
		m["cosignatures"] = co
	}
	return write(m)
}

func at(text string) time.Time { return must(time.Parse(time.RFC3339, text)) }

// want requests the release of [release].
func want() trust.Want {
	return trust.Want{
		Name: "choria", Version: "1.2.3", OS: "linux", Arch: "amd64",
		Now: at("2026-12-01T00:00:00Z"), Compare: compareSemver,
	}
}

func compareSemver(a, b string) (int, bool) {
	a, b = "v"+strings.TrimPrefix(a, "v"), "v"+strings.TrimPrefix(b, "v")
	return semver.Compare(a, b), semver.IsValid(a) && semver.IsValid(b)
}

func policy(threshold int, keys ...testKey) *trust.Policy {
	var sound []trust.Key
	for _, k := range keys {
		sound = append(sound, k.Key)
	}
	return must(trust.NewPolicy(threshold, sound...))
}

// requireRefused asserts that there is no result, and that the error is sentinel and
// no other error of the package.
func requireRefused(t *testing.T, v *trust.Verified, err, sentinel error) {
	t.Helper()
	require.ErrorIs(t, err, sentinel)
	require.Nil(t, v)
	for _, other := range []error{
		trust.ErrBadKey, trust.ErrBadPolicy, trust.ErrMalformed, trust.ErrUnsigned, trust.ErrSignature,
		trust.ErrThreshold, trust.ErrMismatch, trust.ErrExpired, trust.ErrRollback,
	} {
		if other != sentinel {
			require.NotErrorIs(t, err, other)
		}
	}
}
