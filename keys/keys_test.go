// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const testPassphrase = "correct-horse"

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

func privateFormats() []PrivateFormat { return []PrivateFormat{Sigstore, PKCS8, OpenSSH, Minisign} }

func publicFormats() []PublicFormat {
	return []PublicFormat{PublicPEM, PublicBase64, PublicRaw, PublicOpenSSH, PublicMinisign, PublicGo}
}

// keyFiles returns the keys in testdata by name.
func keyFiles(t testing.TB) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir("testdata")
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, e := range entries {
		if !e.IsDir() && e.Name() != "README.md" {
			files[e.Name()] = testdata(t, e.Name())
		}
	}
	require.Greater(t, len(files), 20)
	return files
}

// rfcKey is the first secret key of RFC 8032 §7.1.
func rfcKey(t testing.TB) *PrivateKey {
	t.Helper()
	seed, err := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	require.NoError(t, err)
	k, err := Generate(bytes.NewReader(seed))
	require.NoError(t, err)
	return k
}

var sealMinisignOnce struct {
	sync.Once
	data []byte
	err  error
}

// sealedMinisign is rfcKey encrypted with testPassphrase. The tests share it,
// because encrypting and decrypting it takes 1 GiB and seconds each.
func sealedMinisign(t testing.TB) []byte {
	t.Helper()
	o := &sealMinisignOnce
	o.Do(func() { o.data, o.err = FormatEncrypted(rfcKey(t), Minisign, []byte(testPassphrase)) })
	require.NoError(t, o.err)
	return o.data
}

func TestGenerate(t *testing.T) {
	k := rfcKey(t)
	require.Equal(t, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", hex.EncodeToString(k.Public().Bytes()))

	_, err := Generate(bytes.NewReader(make([]byte, 31)))
	require.Error(t, err, "too few random bytes make no key")

	other, err := Generate(rand.Reader)
	require.NoError(t, err)
	require.False(t, k.equal(other))
	require.True(t, k.equal(rfcKey(t)))
}

func TestSignerIsPureEd25519(t *testing.T) {
	k := rfcKey(t)
	s, err := k.Signer()
	require.NoError(t, err)
	sig, err := s.SignMessage(strings.NewReader(""))
	require.NoError(t, err)
	require.Equal(t, "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"+
		"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b", hex.EncodeToString(sig))
	pub, err := s.PublicKey()
	require.NoError(t, err)
	require.Equal(t, ed25519.PublicKey(k.Public().Bytes()), pub)
}

func TestSignerOfZeroKey(t *testing.T) {
	_, err := PrivateKey{}.Signer()
	require.ErrorIs(t, err, ErrMalformed)
}

// secrets are the ways in which a private key could be printed.
func secrets(k *PrivateKey) []string {
	seed := k.secret().key.Seed()
	return []string{
		string(seed[:8]), hex.EncodeToString(seed[:8]), strings.ToUpper(hex.EncodeToString(seed[:8])),
		strings.Trim(fmt.Sprint(seed[:8]), "[]"), strings.Trim(fmt.Sprintf("%#v", seed[:4]), "[]byte{}"),
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	k := rfcKey(t)
	signer, err := k.Signer()
	require.NoError(t, err)
	shown := map[string]any{
		"pointer": k, "value": *k, "signer": signer,
		"in a struct":             struct{ K *PrivateKey }{k},
		"in a struct, unexported": struct{ k PrivateKey }{*k},
		"in a slice":              []PrivateKey{*k},
		"signer in a struct":      struct{ S any }{signer},
		"signer unexported":       struct{ s any }{signer},
		"pointer to unexported":   &struct{ k *PrivateKey }{k},
		"map":                     map[string]PrivateKey{"k": *k},
		"zero value":              PrivateKey{},
	}
	for name, value := range shown {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
				fmt.Fprintf(&out, verb+"\n", value)
			}
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "key", value)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", value)
			if data, err := json.Marshal(value); err == nil {
				out.Write(data)
			}
			for _, s := range secrets(k) {
				require.NotContains(t, out.String(), s)
			}
		})
	}
	require.Contains(t, fmt.Sprint(k), k.Public().ID())
}

func TestRoundTripPrivate(t *testing.T) {
	race.Skip(t, "key derivation, in one goroutine")
	k := rfcKey(t)
	for _, f := range privateFormats() {
		t.Run(string(f), func(t *testing.T) {
			t.Run("encrypted", func(t *testing.T) {
				t.Parallel()
				var data []byte
				var err error
				if f == Minisign {
					slow(t)
					data = sealedMinisign(t)
				} else {
					data, err = FormatEncrypted(k, f, []byte(testPassphrase))
				}
				require.NoError(t, err)
				info, err := Inspect(data)
				require.NoError(t, err)
				require.Equal(t, Info{f, true}, info)

				_, err = ParsePrivate(data, nil)
				require.ErrorIs(t, err, ErrPassphraseNeeded)
				if f == Minisign {
					return // slow: TestReadsKeysOfOtherTools has the rest
				}
				back, err := ParsePrivate(data, []byte(testPassphrase))
				require.NoError(t, err)
				require.True(t, back.equal(k))
				require.Equal(t, k.Public(), back.Public())
				_, err = ParsePrivate(data, []byte(testPassphrase+"x"))
				require.ErrorIs(t, err, ErrPassphrase)
				_, err = ParsePrivate(data, []byte{})
				require.ErrorIs(t, err, ErrPassphrase)
			})
			for name, empty := range map[string][]byte{"nil": nil, "empty": {}} {
				t.Run(name+" passphrase", func(t *testing.T) {
					_, err := FormatEncrypted(k, f, empty)
					require.ErrorIs(t, err, ErrPassphraseNeeded)
				})
			}
			t.Run("unprotected", func(t *testing.T) {
				data, err := FormatUnprotected(k, f)
				if f == Sigstore {
					require.ErrorIs(t, err, ErrUnsupported)
					return
				}
				require.NoError(t, err)
				info, err := Inspect(data)
				require.NoError(t, err)
				require.Equal(t, Info{f, false}, info)
				back, err := ParsePrivate(data, nil)
				require.NoError(t, err)
				require.True(t, back.equal(k))
			})
		})
	}
	_, err := FormatEncrypted(k, "pem", []byte("x"))
	require.ErrorIs(t, err, ErrUnsupported)
	_, err = FormatUnprotected(k, "pem")
	require.ErrorIs(t, err, ErrUnsupported)
}

// Formats without randomness never change. The interoperability tests show that
// openssl, ssh-keygen and minisign agree.
func TestGoldenFiles(t *testing.T) {
	k := rfcKey(t)
	files := map[string]func() ([]byte, error){
		"rfc8032-pkcs8-private.golden":    func() ([]byte, error) { return FormatUnprotected(k, PKCS8) },
		"rfc8032-minisign-private.golden": func() ([]byte, error) { return FormatUnprotected(k, Minisign) },
	}
	for _, f := range publicFormats() {
		files["rfc8032-"+string(f)+".golden"] = func() ([]byte, error) { return FormatPublic(k.Public(), f) }
	}
	for name, format := range files {
		t.Run(name, func(t *testing.T) {
			got, err := format()
			require.NoError(t, err)
			if *update {
				require.NoError(t, os.WriteFile(filepath.Join("testdata", name), got, 0o644))
			}
			require.Equal(t, string(testdata(t, name)), string(got))
		})
	}
	_, err := FormatPublic(k.Public(), "jwk")
	require.ErrorIs(t, err, ErrUnsupported)
}
