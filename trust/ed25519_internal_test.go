// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// wycheproofFile is the part of eddsa_verify_schema_v1.json that the test uses.
type wycheproofFile struct {
	NumberOfTests int `json:"numberOfTests"`
	TestGroups    []struct {
		PublicKey    struct{ PK string }
		PublicKeyPem string
		Tests        []struct {
			TcID             int
			Flags            []string
			Msg, Sig, Result string
		}
	}
}

// NewKey accepts all keys of Wycheproof, and the file says of each signature whether
// it is valid: nothing in it is left to the implementation.
func TestWycheproofVectors(t *testing.T) {
	var file wycheproofFile
	readJSON(t, "testdata/wycheproof/ed25519_test.json", &file)

	count := map[string]int{}
	for _, group := range file.TestGroups {
		key, err := NewKey(unhex(t, group.PublicKey.PK))
		require.NoError(t, err)
		fromPEM, err := ParseKeys([]byte(group.PublicKeyPem))
		require.NoError(t, err)
		require.Equal(t, []Key{key}, fromPEM)

		for _, test := range group.Tests {
			require.Contains(t, []string{"valid", "invalid"}, test.Result)
			require.Equal(t, test.Result == "valid", key.verify(unhex(t, test.Msg), unhex(t, test.Sig)),
				"tcId %d %v", test.TcID, test.Flags)
			count[test.Result]++
		}
	}
	require.Equal(t, map[string]int{"valid": 88, "invalid": 63}, count)
	require.Equal(t, file.NumberOfTests, count["valid"]+count["invalid"])
}

// These vectors combine points of low order, encodings that are not canonical, and
// signatures that only some verifiers accept. Expected:
//
//   - NewKey refuses a key of low order, canonically encoded or not, although
//     crypto/ed25519 accepts many of its signatures;
//   - with the other keys, a signature is valid exactly if R is canonically encoded
//     and the equation holds without the cofactor (RFC 8032 §5.1.7 allows both
//     equations; crypto/ed25519 uses the strict one).
func TestGoEd25519Vectors(t *testing.T) {
	var vectors []struct {
		A, R, S, M string
		Flags      []string
	}
	readJSON(t, "testdata/ed25519vectors/ed25519vectors.json", &vectors)
	require.Len(t, vectors, 768)

	count := map[string]int{}
	for i, v := range vectors {
		key, err := NewKey(unhex(t, v.A))
		if slices.Contains(v.Flags, "LowOrderA") {
			require.ErrorIs(t, err, ErrBadKey, "vector %d", i)
			count["bad key"]++
			continue
		}
		require.NoError(t, err, "vector %d", i)
		valid := !slices.Contains(v.Flags, "NonCanonicalR") && !slices.Contains(v.Flags, "LowOrderResidue")
		require.Equal(t, valid, key.verify([]byte(v.M), unhex(t, v.R+v.S)), "vector %d %v", i, v.Flags)
		if valid {
			count["valid"]++
		} else {
			count["invalid"]++
		}
	}
	require.Equal(t, map[string]int{"bad key": 468, "valid": 86, "invalid": 214}, count)
}

// RFC 8032 §7.1, except for the test with a long message, which is in Wycheproof
// with the flag Ktv.
func TestRFC8032Vectors(t *testing.T) {
	for _, tt := range []struct{ name, public, message, signature string }{
		{"TEST 1", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
		{"TEST 2", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
		{"TEST 3", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
		{"TEST SHA(abc)", "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
			"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
			"dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key, err := NewKey(unhex(t, tt.public))
			require.NoError(t, err)
			message, signature := unhex(t, tt.message), unhex(t, tt.signature)
			require.True(t, key.verify(message, signature))
			require.False(t, key.verify(append(message, 0), signature))
			require.False(t, key.verify(message, signature[:63]))
			require.False(t, key.verify(message, append(signature, 0)))
		})
	}
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.FromSlash(path))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, v))
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(s)
	require.NoError(t, err)
	return raw
}
