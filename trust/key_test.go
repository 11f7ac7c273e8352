// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/trust"
)

// The encodings, that crypto/ed25519 reads, of the eight points whose order divides 8.
var (
	lowOrderKeys = []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	}
	nonCanonicalLowOrderKeys = []string{
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	}
)

func TestNewKeyRefusesLowOrder(t *testing.T) {
	for why, keys := range map[string][]string{"low order": lowOrderKeys, "y ≥ p": nonCanonicalLowOrderKeys} {
		for _, text := range keys {
			raw := must(hex.DecodeString(text))
			_, err := trust.NewKey(raw)
			require.ErrorIs(t, err, trust.ErrBadKey, text)
			require.ErrorContains(t, err, why, text)

			// Why it matters: for some messages crypto/ed25519 accepts this
			// constant signature, made without a private key.
			forged := make([]byte, ed25519.SignatureSize)
			forged[0] = 1 // R is the identity, S is 0
			accepted := slices.ContainsFunc(make([]struct{}, 64), func(struct{}) bool {
				return ed25519.Verify(raw, []byte(rand.Text()), forged)
			})
			require.True(t, accepted, "crypto/ed25519 refuses %s", text)
		}
	}
}

// All encodings with p ≤ y < 2^255, with both sign bits.
func TestNewKeyRefusesNonCanonical(t *testing.T) {
	for low := 0xed; low <= 0xff; low++ {
		for _, top := range []byte{0x7f, 0xff} {
			raw := bytes.Repeat([]byte{0xff}, 32)
			raw[0], raw[31] = byte(low), top
			_, err := trust.NewKey(raw)
			require.ErrorIs(t, err, trust.ErrBadKey)
			require.ErrorContains(t, err, "not canonically encoded")
		}
	}
}

// For small y, NewKey agrees with a computed square root.
func TestNewKeyRefusesPointsOffTheCurve(t *testing.T) {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d := new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), p))
	on, off := 0, 0
	for y := int64(2); y < 256; y++ {
		yy := big.NewInt(y * y)
		inverse := new(big.Int).Mul(d, yy)
		inverse.ModInverse(inverse.Add(inverse, big.NewInt(1)), p)
		xx := new(big.Int).Mul(new(big.Int).Sub(yy, big.NewInt(1)), inverse)
		root := new(big.Int).ModSqrt(xx.Mod(xx, p), p)

		raw := make([]byte, 32)
		raw[0] = byte(y)
		_, err := trust.NewKey(raw)
		if root != nil {
			require.NoError(t, err, "y = %d", y)
			on++
			continue
		}
		require.ErrorIs(t, err, trust.ErrBadKey, "y = %d", y)
		require.ErrorContains(t, err, "not a point on the curve")
		off++
	}
	require.Greater(t, on, 100)
	require.Greater(t, off, 100)
}

func TestNewKeyRefusesOtherLengths(t *testing.T) {
	sound := newTestKey("a").Bytes()
	_, err := trust.NewKey(sound)
	require.NoError(t, err)
	for _, raw := range [][]byte{nil, {}, sound[:31], append(slices.Clone(sound), 0), append(slices.Clone(sound), sound...)} {
		_, err := trust.NewKey(raw)
		require.ErrorIs(t, err, trust.ErrBadKey)
		require.ErrorContains(t, err, "an Ed25519 key has 32")
	}
}

func TestKeyForms(t *testing.T) {
	k := newTestKey("a")
	public := k.private.Public().(ed25519.PublicKey)
	der := must(x509.MarshalPKIXPublicKey(public))
	sum := sha256.Sum256(der)

	require.Equal(t, []byte(public), k.Bytes())
	require.Equal(t, hex.EncodeToString(sum[:]), k.ID())
	require.Equal(t, encode(public), k.String())
	require.Equal(t, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), k.PEM())

	k.Bytes()[0] ^= 1
	require.Equal(t, []byte(public), k.Bytes(), "Bytes must return a copy")
}

type keysCase struct {
	name, in string
	keys     []trust.Key
}

func keysCases() []keysCase {
	a, b := newTestKey("a").Key, newTestKey("b").Key
	both := string(a.PEM()) + string(b.PEM())
	return []keysCase{
		{"raw", string(a.Bytes()), []trust.Key{a}},
		{"base64", a.String(), []trust.Key{a}},
		{"base64 as a line of a file", " \t" + a.String() + "\r\n", []trust.Key{a}},
		{"PEM", string(a.PEM()), []trust.Key{a}},
		{"PEM with CRLF", strings.ReplaceAll(string(a.PEM()), "\n", "\r\n"), []trust.Key{a}},
		{"PEM after white space", "\n" + string(a.PEM()), []trust.Key{a}},
		{"two PEM blocks", both, []trust.Key{a, b}},
		{"PEM blocks with an empty line between", string(a.PEM()) + "\n" + string(b.PEM()), []trust.Key{a, b}},
		{"sixteen PEM blocks", strings.Repeat(both, 8), slices.Repeat([]trust.Key{a, b}, 8)},
	}
}

func TestParseKeys(t *testing.T) {
	for _, tt := range keysCases() {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := trust.ParseKeys([]byte(tt.in))
			require.NoError(t, err)
			require.Equal(t, tt.keys, keys)
		})
	}
}

type badKeysCase struct{ name, in, why string }

func badKeysCases() []badKeysCase {
	a := newTestKey("a")
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	der := must(x509.MarshalPKIXPublicKey(a.private.Public()))
	prefix := der[:12]
	lowOrder := make([]byte, 32)
	seed := a.private.Seed()
	ec := must(ecdsa.ParseRawPrivateKey(elliptic.P256(), seed))
	x25519 := must(ecdh.X25519().NewPrivateKey(seed)).PublicKey()

	return []badKeysCase{
		{"nothing", "", "not a raw key"},
		{"white space", " \n", "not a raw key"},
		{"31 raw bytes", string(a.Bytes()[:31]), "not a raw key"},
		{"33 raw bytes", string(a.Bytes()) + "\n", "not a raw key"},
		{"raw key of low order", string(lowOrder), "low order"},
		{"base64 of a key of low order", encode(lowOrder), "low order"},
		{"base64 of 31 bytes", encode(a.Bytes()[:31]), "not a raw key"},
		{"base64 of 33 bytes", encode(append(a.Bytes(), 0)), "not a raw key"},
		{"base64 without padding", strings.TrimRight(a.String(), "="), "not a raw key"},
		{"base64 of the other alphabet", base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, 32)), "not a raw key"},
		{"base64 with a line break", a.String()[:20] + "\n" + a.String()[20:], "not a raw key"},
		{"base64 with unused bits set", respell(a.String()), "not a raw key"},
		{"two base64 lines", a.String() + "\n" + newTestKey("b").String(), "not a raw key"},
		{"hex", hex.EncodeToString(a.Bytes()), "not a raw key"},
		{"text before PEM", "# release key\n" + string(a.PEM()), "not a raw key"},
		{"PEM of low order", block("PUBLIC KEY", append(slices.Clone(prefix), lowOrder...)), "low order"},
		{"PEM of 31 bytes", block("PUBLIC KEY", append([]byte("\x30\x29\x30\x05\x06\x03\x2b\x65\x70\x03\x20\x00"), a.Bytes()[:31]...)), ""},
		{"PEM with bytes after the key", block("PUBLIC KEY", append(slices.Clone(der), 0)), "not a PKIX key"},
		{"PEM of nothing", block("PUBLIC KEY", nil), "not a PKIX key"},
		{"PEM of another algorithm", block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(ec.Public()))), "only Ed25519"},
		{"PEM of X25519", block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(x25519))), "only Ed25519"},
		{"PEM of another type", block("CERTIFICATE", der), "PEM block 1: unusable public key: the block is not a PUBLIC KEY"},
		{"private key", block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(a.private))), "private key"},
		{"encrypted private key", block("ENCRYPTED SIGSTORE PRIVATE KEY", der), "private key"},
		{"private key in second place", string(a.PEM()) + block("PRIVATE KEY", der), "private key"},
		{"second block of another type", string(a.PEM()) + block("CERTIFICATE", der), "PEM block 2: unusable public key: the block is not a PUBLIC KEY"},
		{"second block damaged", string(a.PEM()) + strings.Replace(string(newTestKey("b").PEM()), "\nMC", "\n!!", 1), "outside the 1 PEM blocks"},
		{"first block damaged", strings.Replace(string(a.PEM()), "\nMC", "\n!!", 1) + string(newTestKey("b").PEM()), "outside the 1 PEM blocks"},
		{"second block with a dash too few", string(a.PEM()) + string(newTestKey("b").PEM()[1:]), "outside the 1 PEM blocks"},
		{"block with a dash too few between", string(a.PEM()) + string(newTestKey("b").PEM()[1:]) + string(newTestKey("c").PEM()), "outside the 2 PEM blocks"},
		{"base64 after PEM", string(a.PEM()) + newTestKey("b").String(), "outside the 1 PEM blocks"},
		{"PEM headers", strings.Replace(string(a.PEM()), "\n", "\nComment: x\n\n", 1), "outside the 1 PEM blocks"},
		{"truncated block", strings.TrimSuffix(string(a.PEM()), "-----\n"), "outside the 0 PEM blocks"},
		{"seventeen blocks", strings.Repeat(string(a.PEM()), 17), "more than 16 PEM blocks"},
	}
}

func TestParseKeysRefuses(t *testing.T) {
	for _, tt := range badKeysCases() {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := trust.ParseKeys([]byte(tt.in))
			require.ErrorIs(t, err, trust.ErrBadKey)
			require.ErrorContains(t, err, tt.why)
			require.Nil(t, keys)
		})
	}
}

// A private key may be given as a public one by mistake (T16).
func TestParseKeysErrorsDoNotQuoteTheInput(t *testing.T) {
	private := newTestKey("a").private
	pkcs8 := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(private))}))
	for name, in := range map[string]string{
		"PKCS#8":                   pkcs8,
		"PKCS#8 with another name": strings.ReplaceAll(pkcs8, "PRIVATE KEY", "PUBLIC KEY"),
		"PKCS#8 without its end":   pkcs8[:len(pkcs8)-20],
		"base64 of seed and key":   encode(private),
		"hex of the seed":          hex.EncodeToString(private.Seed()),
		"base64 without padding":   strings.TrimRight(encode(private.Seed()), "="),
		"passphrase":               "correct horse battery staple",
		"type with a secret":       strings.ReplaceAll(pkcs8, "PRIVATE KEY", "CORRECT HORSE BATTERY"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := trust.ParseKeys([]byte(in))
			require.ErrorIs(t, err, trust.ErrBadKey)
			text := strings.ToLower(err.Error())
			for line := range strings.Lines(in) {
				line = strings.ToLower(strings.Trim(line, "-\n"))
				for i := 0; i+10 <= len(line) && !strings.HasPrefix(line, "begin p") && !strings.HasPrefix(line, "end p"); i++ {
					require.NotContains(t, text, line[i:i+10])
				}
			}
		})
	}
}

// respell returns another spelling of padded base64: with unused bits set.
func respell(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	end := len(strings.TrimRight(text, "=")) - 1
	return text[:end] + string(alphabet[strings.IndexByte(alphabet, text[end])|1]) + text[end+1:]
}
