// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package signing_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

var released = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func release() *trust.Release {
	return &trust.Release{
		Format: 1, Name: "choria", Version: "1.2.3", OS: "linux", Arch: "amd64",
		Binary: "choria-linux-amd64-1.2.3.bz2", Hash: strings.Repeat("ab", 32), Size: 52428800,
		Released: released, Expires: released.AddDate(1, 0, 0),
		Artifacts: []trust.Artifact{{Path: "choria-linux-amd64-1.2.3.bz2", Encoding: "bzip2", Size: 20971520, Hash: strings.Repeat("cd", 32)}},
	}
}

func document(t *testing.T) []byte {
	t.Helper()
	d, err := signing.FormatRelease(release())
	require.NoError(t, err)

	return d
}

// seeded returns a correct signer with the key of seed n.
func seeded(t *testing.T, n byte) (signature.Signer, trust.Key) {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
	signer, err := signature.LoadED25519Signer(private)
	require.NoError(t, err)
	key, err := trust.NewKey(private.Public().(ed25519.PublicKey))
	require.NoError(t, err)

	return signer, key
}

func verify(document []byte, threshold int, keys ...trust.Key) error {
	policy, err := trust.NewPolicy(threshold, keys...)
	if err != nil {
		return err
	}
	_, err = trust.Verify(document, policy, trust.Want{Version: "1.2.3", OS: "linux", Arch: "amd64", Now: released})

	return err
}

func TestFormatRelease(t *testing.T) {
	t.Run("clients accept it", func(t *testing.T) {
		verified, err := trust.InsecureVerifyUnsigned(document(t), trust.Want{Version: "1.2.3", OS: "linux", Arch: "amd64", Now: released})
		require.NoError(t, err)
		require.Equal(t, *release(), verified.Release)
		require.False(t, verified.Legacy)
	})

	t.Run("an incomplete release is rejected", func(t *testing.T) {
		r := release()
		r.Name = ""
		_, err := signing.FormatRelease(r)
		require.ErrorIs(t, err, trust.ErrMalformed)
	})

	t.Run("a document longer than clients accept is rejected", func(t *testing.T) {
		r := release()
		for i := range 63 {
			a := r.Artifacts[0]
			a.Path = fmt.Sprintf("%s-%02d", strings.Repeat("x", 245), i)
			a.From = strings.Repeat("ef", 32)
			a.Encoding = strings.Repeat("e", 32)
			r.Artifacts = append(r.Artifacts, a)
		}
		d, err := signing.FormatRelease(r)
		require.NoError(t, err)
		require.Less(t, len(d), trust.MaxDocument)

		padded := bytes.Replace(d, []byte("{"), []byte(`{"note":"`+strings.Repeat("n", trust.MaxDocument-len(d)-20)+`",`), 1)
		require.LessOrEqual(t, len(padded), trust.MaxDocument)
		signer, _ := seeded(t, 1)
		_, err = signing.Sign(t.Context(), padded, signer)
		require.ErrorIs(t, err, trust.ErrMalformed, "the signature makes it too long")
		require.NotErrorIs(t, err, signing.ErrSigner, "not an error of the signer")
	})
}

func TestSign(t *testing.T) {
	signer, key := seeded(t, 1)
	other, otherKey := seeded(t, 2)

	signed, err := signing.Sign(t.Context(), document(t), signer)
	require.NoError(t, err)
	require.NoError(t, verify(signed, 1, key))
	require.ErrorIs(t, verify(signed, 1, otherKey), trust.ErrSignature)

	t.Run("signing again changes nothing", func(t *testing.T) {
		again, err := signing.Sign(t.Context(), signed, signer)
		require.NoError(t, err)
		require.Equal(t, string(signed), string(again))
	})

	t.Run("a signature by another key replaces it", func(t *testing.T) {
		replaced, err := signing.Sign(t.Context(), signed, other)
		require.NoError(t, err)
		require.NoError(t, verify(replaced, 1, otherKey))
		require.ErrorIs(t, verify(replaced, 1, key), trust.ErrSignature)
		require.Equal(t, 1, bytes.Count(replaced, []byte(`"signature"`)))
	})

	t.Run("a cosigner that signs keeps one signature", func(t *testing.T) {
		both, err := signing.Cosign(t.Context(), signed, other)
		require.NoError(t, err)
		moved, err := signing.Sign(t.Context(), both, other)
		require.NoError(t, err)
		require.NotContains(t, string(moved), "cosignatures")
		require.NoError(t, verify(moved, 1, otherKey))
	})

	t.Run("bad documents are rejected before the key is used", func(t *testing.T) {
		for name, bad := range map[string][]byte{
			"v0.1.0's fields only": []byte(`{"binary":"x.bz2","hash":"` + strings.Repeat("ab", 32) + `"}`),
			"not JSON":             []byte(`{`),
			"a list":               []byte(`[]`),
			"a duplicate member":   bytes.Replace(document(t), []byte(`"format": 1,`), []byte(`"format": 1, "format": 1,`), 1),
			"another version":      bytes.Replace(document(t), []byte(`"format": 1,`), []byte(`"format": 2,`), 1),
			"no artifact":          bytes.Replace(document(t), []byte(`"binary": "choria-`), []byte(`"binary": "Choria-`), 1),
		} {
			t.Run(name, func(t *testing.T) {
				_, err := signing.Sign(t.Context(), bad, unusedSigner{t, signer})
				require.ErrorIs(t, err, trust.ErrMalformed)
			})
		}
	})

	t.Run("the key is not used with a cancelled context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := signing.Sign(ctx, document(t), unusedSigner{t, signer})
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestUnknownFieldsSurvive(t *testing.T) {
	signer, key := seeded(t, 1)
	second, _ := seeded(t, 2)
	extra := []string{
		`"notes": "\u00e9 <b> é \/ \u2028"`,
		`"count": 9007199254740991`,
		`"deep": {"b": [1, {"z": null, "a": true}], "a": {}}`,
		`"Ünïcode": []`,
	}
	written := bytes.Replace(document(t), []byte("{"), []byte("{"+strings.Join(extra, ",")+","), 1)
	before, err := trust.SignedBytes(trust.ReleaseType, written)
	require.NoError(t, err)

	signed, err := signing.Sign(t.Context(), written, signer)
	require.NoError(t, err)
	signed, err = signing.Cosign(t.Context(), signed, second)
	require.NoError(t, err)
	require.NoError(t, verify(signed, 1, key))

	after, err := trust.SignedBytes(trust.ReleaseType, signed)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))

	var compactBefore, compactAfter map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(written, &compactBefore))
	require.NoError(t, json.Unmarshal(signed, &compactAfter))
	for name, value := range compactBefore {
		var want, got bytes.Buffer
		require.NoError(t, json.Compact(&want, value))
		require.NoError(t, json.Compact(&got, compactAfter[name]))
		require.Equal(t, want.String(), got.String(), name)
	}
}

func TestCosign(t *testing.T) {
	signer, key := seeded(t, 1)
	second, secondKey := seeded(t, 2)
	third, thirdKey := seeded(t, 3)
	signed, err := signing.Sign(t.Context(), document(t), signer)
	require.NoError(t, err)
	two, err := signing.Cosign(t.Context(), signed, second)
	require.NoError(t, err)

	require.NoError(t, verify(two, 2, key, secondKey))
	require.ErrorIs(t, verify(two, 2, key, thirdKey), trust.ErrThreshold)

	t.Run("three of three", func(t *testing.T) {
		three, err := signing.Cosign(t.Context(), two, third)
		require.NoError(t, err)
		require.NoError(t, verify(three, 3, key, secondKey, thirdKey))
	})

	t.Run("one key twice", func(t *testing.T) {
		_, err := signing.Cosign(t.Context(), two, unusedSigner{t, second})
		require.ErrorIs(t, err, signing.ErrAlreadySigned)
		_, err = signing.Cosign(t.Context(), two, unusedSigner{t, signer})
		require.ErrorIs(t, err, signing.ErrAlreadySigned)
	})

	t.Run("an invalid cosignature by the key is replaced", func(t *testing.T) {
		_, invalid, ok := strings.Cut(string(two), `"cosignatures"`)
		require.True(t, ok)
		_, invalid, ok = strings.Cut(invalid, `"signature": "`)
		require.True(t, ok)
		changed := strings.Replace(string(two), invalid[:8], "AAAAAAAA", 1)
		require.ErrorIs(t, verify([]byte(changed), 1, secondKey), trust.ErrSignature)

		replaced, err := signing.Cosign(t.Context(), []byte(changed), second)
		require.NoError(t, err)
		require.Equal(t, string(two), string(replaced))
	})

	t.Run("no more signatures than clients accept", func(t *testing.T) {
		full := signed
		for n := range trust.MaxSignatures - 1 {
			s, _ := seeded(t, byte(100+n))
			full, err = signing.Cosign(t.Context(), full, s)
			require.NoError(t, err)
		}
		require.NoError(t, verify(full, 1, key))

		_, err := signing.Cosign(t.Context(), full, unusedSigner{t, third})
		require.ErrorIs(t, err, trust.ErrMalformed)

		// Without the first signature there is room for one more, and then none
		// for the first signer.
		room, err := signing.Cosign(t.Context(), withoutSignature(t, full), third)
		require.NoError(t, err)
		require.NoError(t, verify(room, 1, thirdKey))
		_, err = signing.Sign(t.Context(), room, signer)
		require.ErrorIs(t, err, trust.ErrMalformed)
		require.NotErrorIs(t, err, signing.ErrSigner)
	})
}

func withoutSignature(t *testing.T, document []byte) []byte {
	t.Helper()
	var m map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(document, &m))
	delete(m, "signature")
	out, err := json.Marshal(m)
	require.NoError(t, err)

	return out
}

func TestSignedBy(t *testing.T) {
	signer, key := seeded(t, 1)
	second, secondKey := seeded(t, 2)
	require.ErrorIs(t, signing.SignedBy(document(t), key), trust.ErrUnsigned)

	signed, err := signing.Sign(t.Context(), document(t), signer)
	require.NoError(t, err)
	signed, err = signing.Cosign(t.Context(), signed, second)
	require.NoError(t, err)
	require.NoError(t, signing.SignedBy(signed, key))
	require.ErrorIs(t, signing.SignedBy(signed, secondKey), trust.ErrSignature, "a cosigner is not the signer")
	require.ErrorIs(t, signing.SignedBy([]byte("{}"), key), trust.ErrMalformed)
}

func TestRenew(t *testing.T) {
	signer, key := seeded(t, 1)
	second, _ := seeded(t, 2)
	signed, err := signing.Sign(t.Context(), document(t), signer)
	require.NoError(t, err)
	signed, err = signing.Cosign(t.Context(), signed, second)
	require.NoError(t, err)

	renewed, err := signing.Renew(signed, released.AddDate(3, 0, 0))
	require.NoError(t, err)
	require.ErrorIs(t, verify(renewed, 1, key), trust.ErrUnsigned)

	renewed, err = signing.Sign(t.Context(), renewed, signer)
	require.NoError(t, err)
	policy, err := trust.NewPolicy(1, key)
	require.NoError(t, err)
	verified, err := trust.Verify(renewed, policy, trust.Want{Version: "1.2.3", OS: "linux", Arch: "amd64", Now: released.AddDate(2, 0, 0)})
	require.NoError(t, err)
	require.Equal(t, released.AddDate(3, 0, 0), verified.Release.Expires)

	_, err = signing.Renew([]byte(`{"a":1,"a":2}`), released)
	require.ErrorIs(t, err, trust.ErrMalformed)
}
