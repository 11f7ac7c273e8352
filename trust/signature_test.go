// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/trust"
)

type signatureCase struct {
	name      string
	signature any
	sentinel  error // nil: accepted
}

func signatureCases() []signatureCase {
	a, stranger := newTestKey("a"), newTestKey("stranger")
	body := write(release())
	good := a.sign(body)
	raw := must(base64.StdEncoding.DecodeString(good))
	other := write(with(release(), "version", "1.2.2"))
	form := canonical(body)
	raws := func(message []byte) string { return encode(ed25519.Sign(a.private, message)) }

	return []signatureCase{
		{"good", good, nil},
		{"empty", "", trust.ErrUnsigned},
		{"null", nil, trust.ErrMalformed},
		{"number", 0, trust.ErrMalformed},
		{"array", []any{good}, trust.ErrMalformed},
		{"object", a.cosignature(body), trust.ErrMalformed},
		{"another key's", stranger.sign(body), trust.ErrSignature},
		{"of another release", a.sign(other), trust.ErrSignature},
		{"of another payload type", raws(trust.PAE("application/vnd.choria.update.channel+json", form)), trust.ErrSignature},
		{"without PAE", raws(form), trust.ErrSignature},
		{"of nothing", raws(nil), trust.ErrSignature},
		{"zero", encode(make([]byte, 64)), trust.ErrSignature},
		{"63 bytes", encode(raw[:63]), trust.ErrSignature},
		{"65 bytes", encode(append(slices.Clone(raw), 0)), trust.ErrSignature},
		{"66 bytes", encode(append(slices.Clone(raw), 0, 0)), trust.ErrSignature},
		{"twice", encode(append(slices.Clone(raw), raw...)), trust.ErrSignature},
		{"malleable: S+L", encode(malleable(raw)), trust.ErrSignature},
		{"no padding", strings.TrimRight(good, "="), trust.ErrSignature},
		{"half the padding", good[:len(good)-1], trust.ErrSignature},
		{"more padding", good + "=", trust.ErrSignature},
		{"unused bits set", respell(good), trust.ErrSignature},
		{"line break at the end", good + "\n", trust.ErrSignature},
		{"line break within", good[:64] + "\r\n" + good[64:], trust.ErrSignature},
		{"space before", " " + good, trust.ErrSignature},
		{"hex", strings.Repeat("00", 64), trust.ErrSignature},
		{"not base64", strings.Repeat("!", len(good)), trust.ErrSignature},
		{"the other alphabet", base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, 64)), trust.ErrSignature},
	}
}

func TestMalformedSignaturesAreRefused(t *testing.T) {
	a := newTestKey("a")
	for _, tt := range signatureCases() {
		t.Run(tt.name, func(t *testing.T) {
			v, err := trust.Verify(write(with(release(), "signature", tt.signature)), policy(1, a), want())
			if tt.sentinel == nil {
				require.NoError(t, err)
				return
			}
			requireRefused(t, v, err, tt.sentinel)
		})
	}
}

// Other decoders of base64 accept these spellings of a valid signature: they are
// refused for nothing but the spelling.
func TestRespelledSignaturesDecodeElsewhere(t *testing.T) {
	good := newTestKey("a").sign(write(release()))
	raw := must(base64.StdEncoding.DecodeString(good))
	for _, spelling := range []string{respell(good), good + "\n", good[:64] + "\r\n" + good[64:]} {
		require.NotEqual(t, good, spelling)
		lenient, err := base64.StdEncoding.DecodeString(spelling)
		require.NoError(t, err)
		require.Equal(t, raw, lenient)
	}
}

// malleable returns (R, S+L), which satisfies the same equation.
func malleable(signature []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(signature[32:])
	slices.Reverse(s)
	s = new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(s)
	return append(slices.Clone(signature[:32]), s...)
}

// The documents have no white space, and need all their signatures: each bit counts.
// They are refused for their form or their signatures, before any field is checked.
func TestEveryBitCounts(t *testing.T) {
	a, b := newTestKey("a"), newTestKey("b")
	for _, tt := range []struct {
		name     string
		document []byte
		policy   *trust.Policy
	}{
		{"signed", signed(release(), a), policy(1, a)},
		{"cosigned", signed(release(), a, b), policy(2, a, b)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := trust.Verify(tt.document, tt.policy, want())
			require.NoError(t, err)
			for i := range len(tt.document) * 8 {
				flipped := slices.Clone(tt.document)
				flipped[i/8] ^= 1 << (i % 8)
				v, err := trust.Verify(flipped, tt.policy, want())
				require.Nil(t, v, "bit %d", i)
				refused := errors.Is(err, trust.ErrMalformed) || errors.Is(err, trust.ErrUnsigned) ||
					errors.Is(err, trust.ErrSignature) || errors.Is(err, trust.ErrThreshold)
				require.True(t, refused, "bit %d: %v", i, err)
			}
		})
	}
}

// As above, in the 64 bytes within the base64.
func TestEveryBitOfTheSignatureCounts(t *testing.T) {
	a := newTestKey("a")
	raw := must(base64.StdEncoding.DecodeString(a.sign(write(release()))))
	for i := range len(raw) * 8 {
		flipped := slices.Clone(raw)
		flipped[i/8] ^= 1 << (i % 8)
		v, err := trust.Verify(write(with(release(), "signature", encode(flipped))), policy(1, a), want())
		requireRefused(t, v, err, trust.ErrSignature)
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	a := newTestKey("a")
	document := signed(release(), a)
	for n := range len(document) {
		v, err := trust.Verify(document[:n], policy(1, a), want())
		requireRefused(t, v, err, trust.ErrMalformed)
	}
}

// A signature covers the value of every member, also of members that this version
// does not know. It does not cover how they are spelled.
func TestSignatureCoversEveryMember(t *testing.T) {
	a := newTestKey("a")
	newer := with(with(release(), "notes", member{"url": "https://example.net/", "lines": []any{1, nil, true}}), "serial", 9007199254740991)
	newer["artifacts"] = []any{with(artifact(), "mirrors", []any{"eu"})}
	signature := a.sign(write(newer))
	document := with(newer, "signature", signature)

	v, err := trust.Verify(write(document), policy(1, a), want())
	require.NoError(t, err)
	require.Equal(t, "1.2.3", v.Release.Version)

	t.Run("respelled", func(t *testing.T) {
		spaced := must(json.MarshalIndent(document, "\t", "  "))
		again, err := trust.Verify(spaced, policy(1, a), want())
		require.NoError(t, err)
		require.Equal(t, v, again)
		escaped := bytes.Replace(write(document), []byte("choria"), []byte(`\u0063horia`), 1)
		again, err = trust.Verify(escaped, policy(1, a), want())
		require.NoError(t, err)
		require.Equal(t, v, again)
	})
	for name, changed := range map[string]member{
		"known field changed":            with(document, "hash", strings.Repeat("0c", 32)),
		"known field removed":            without(document, "size"),
		"unknown field changed":          with(document, "serial", 9007199254740990),
		"unknown field removed":          without(document, "serial"),
		"unknown field added":            with(document, "rollout", 100),
		"unknown nested field changed":   with(document, "notes", member{"url": "https://example.com/", "lines": []any{1, nil, true}}),
		"unknown array reordered":        with(document, "notes", member{"url": "https://example.net/", "lines": []any{nil, 1, true}}),
		"unknown artifact field":         with(document, "artifacts", []any{with(artifact(), "mirrors", []any{"us"})}),
		"unknown artifact field removed": with(document, "artifacts", []any{artifact()}),
		"number as text":                 with(document, "serial", "9007199254740991"),
	} {
		t.Run(name, func(t *testing.T) {
			v, err := trust.Verify(write(changed), policy(1, a), want())
			requireRefused(t, v, err, trust.ErrSignature)
		})
	}
}

// A document of v0.1.0 is unsigned. Signing it does not add the missing fields.
func TestDocumentOfV010IsRefused(t *testing.T) {
	a := newTestKey("a")
	old := member{"binary": "choria-linux-amd64-1.2.3.bz2", "hash": strings.Repeat("0a", 32)}
	v, err := trust.Verify(write(old), policy(1, a), want())
	requireRefused(t, v, err, trust.ErrUnsigned)
	v, err = trust.Verify(write(with(old, "signature", "")), policy(1, a), want())
	requireRefused(t, v, err, trust.ErrUnsigned)
	v, err = trust.Verify(write(with(old, "signature", "c2lnbmVk")), policy(1, a), want())
	requireRefused(t, v, err, trust.ErrSignature)
	v, err = trust.Verify(signed(old, a), policy(1, a), want())
	requireRefused(t, v, err, trust.ErrMalformed)
}
