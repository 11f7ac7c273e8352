// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/trust"
)

// verifyAll verifies a document as signed, as vouched for and as unsigned: each way
// checks what the document says.
func verifyAll(t *testing.T, m member, w trust.Want, sentinel error, why string) {
	t.Helper()
	a := newTestKey("a")
	for name, verify := range map[string]func() (*trust.Verified, error){
		"signed":   func() (*trust.Verified, error) { return trust.Verify(signed(m, a), policy(1, a), w) },
		"vouched":  func() (*trust.Verified, error) { return trust.VerifyVouched(write(m), []string{"tuf"}, nil, w) },
		"unsigned": func() (*trust.Verified, error) { return trust.InsecureVerifyUnsigned(write(m), w) },
	} {
		t.Run(name, func(t *testing.T) {
			v, err := verify()
			if sentinel == nil {
				require.NoError(t, err)
				require.NotNil(t, v)
				return
			}
			requireRefused(t, v, err, sentinel)
			require.ErrorContains(t, err, why)
		})
	}
}

func TestVerifyReturnsFacts(t *testing.T) {
	a, b := newTestKey("a"), newTestKey("b")
	body := canonical(write(release()))
	expected := trust.Verified{
		Release: trust.Release{
			Format: 1, Name: "choria", Version: "1.2.3", OS: "linux", Arch: "amd64",
			Binary: "choria-linux-amd64-1.2.3.bz2", Hash: strings.Repeat("0a", 32), Size: 52428800,
			Released: at("2026-11-23T10:00:00Z"), Expires: at("2027-11-23T10:00:00Z"),
			Artifacts: []trust.Artifact{{
				Path: "choria-linux-amd64-1.2.3.bz2", Encoding: "bzip2", Size: 20971520, Hash: strings.Repeat("0b", 32),
			}},
		},
		Signers: []string{a.ID(), b.ID()},
		Digest:  sha256.Sum256(body),
	}
	v, err := trust.Verify(signed(release(), a, b), policy(2, a, b), want())
	require.NoError(t, err)
	require.Equal(t, &expected, v)

	// The digest does not depend on the signatures.
	expected.Signers = []string{b.ID()}
	v, err = trust.Verify(signed(release(), b), policy(1, a, b), want())
	require.NoError(t, err)
	require.Equal(t, &expected, v)

	expected.Signers = nil
	v, err = trust.InsecureVerifyUnsigned(write(release()), want())
	require.NoError(t, err)
	require.Equal(t, &expected, v)
}

// With a policy, the policy and the authority must both hold. Without one the
// authority decides alone. Without an authority the document is refused.
func TestVerifyVouchedNeedsAuthorityAndPolicy(t *testing.T) {
	a, b := newTestKey("a"), newTestKey("b")
	for name, tt := range map[string]struct {
		document []byte
		policy   *trust.Policy
		by       []string
		signers  []string
		sentinel error
	}{
		"both":                            {signed(release(), a), policy(1, a), []string{"tuf"}, []string{a.ID(), "tuf"}, nil},
		"authority alone":                 {write(release()), nil, []string{"tuf", "too"}, []string{"tuf", "too"}, nil},
		"authority alone, another signed": {signed(release(), b), nil, []string{"tuf"}, []string{"tuf"}, nil},
		"no authority":                    {signed(release(), a), policy(1, a), nil, nil, trust.ErrUnsigned},
		"no authority, no key":            {write(release()), nil, nil, nil, trust.ErrUnsigned},
		"another key":                     {signed(release(), b), policy(1, a), []string{"tuf"}, nil, trust.ErrSignature},
		"no signature":                    {write(release()), policy(1, a), []string{"tuf"}, nil, trust.ErrUnsigned},
		"too few":                         {signed(release(), a), policy(2, a, b), []string{"tuf", "too"}, nil, trust.ErrThreshold},
		"not strict":                      {append(write(release()), ' ', '1'), nil, []string{"tuf"}, nil, trust.ErrMalformed},
		"a document of v0.1.0":            {write(member{"binary": "choria.bz2", "hash": strings.Repeat("0a", 32)}), nil, []string{"tuf"}, nil, trust.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := trust.VerifyVouched(tt.document, tt.by, tt.policy, want())
			if tt.sentinel != nil {
				requireRefused(t, v, err, tt.sentinel)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.signers, v.Signers)
			require.Equal(t, "1.2.3", v.Release.Version)
		})
	}
}

// T5: valid documents of other releases.
func TestOtherReleaseIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change   func(*trust.Want)
		sentinel error
	}{
		"all as asked for":     {func(*trust.Want) {}, nil},
		"name not asked for":   {func(w *trust.Want) { w.Name = "" }, nil},
		"another product":      {func(w *trust.Want) { w.Name = "nats" }, trust.ErrMismatch},
		"product by case":      {func(w *trust.Want) { w.Name = "Choria" }, trust.ErrMismatch},
		"another version":      {func(w *trust.Want) { w.Version = "1.2.4" }, trust.ErrMismatch},
		"version as prefix":    {func(w *trust.Want) { w.Version = "1.2" }, trust.ErrMismatch},
		"version with v":       {func(w *trust.Want) { w.Version = "v1.2.3" }, trust.ErrMismatch},
		"version not given":    {func(w *trust.Want) { w.Version = "" }, trust.ErrMismatch},
		"another OS":           {func(w *trust.Want) { w.OS = "windows" }, trust.ErrMismatch},
		"OS not given":         {func(w *trust.Want) { w.OS = "" }, trust.ErrMismatch},
		"another architecture": {func(w *trust.Want) { w.Arch = "arm64" }, trust.ErrMismatch},
		"arch not given":       {func(w *trust.Want) { w.Arch = "" }, trust.ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			w := want()
			tt.change(&w)
			verifyAll(t, release(), w, tt.sentinel, ", not \"")
		})
	}
}

func TestExpiredOrFutureDocumentIsRefused(t *testing.T) {
	released, expires := at("2026-11-23T10:00:00Z"), at("2027-11-23T10:00:00Z")
	earliest := released.Add(-10 * time.Minute)
	require.Equal(t, earliest, released.Add(-trust.ClockSkew))
	berlin := time.FixedZone("CET", 3600)

	for _, tt := range []struct {
		name          string
		now, lastSeen time.Time
		sentinel      error
		why           string
	}{
		{"as it was released", released, time.Time{}, nil, ""},
		{"a second before expiry", expires.Add(-time.Second), time.Time{}, nil, ""},
		{"the last nanosecond", expires.Add(-1), time.Time{}, nil, ""},
		{"at expiry", expires, time.Time{}, trust.ErrExpired, "expired at 2027-11-23T10:00:00Z"},
		{"a second after expiry", expires.Add(time.Second), time.Time{}, trust.ErrExpired, "the clock here says 2027-11-23T10:00:01Z"},
		{"at expiry, in another zone", expires.In(berlin), time.Time{}, trust.ErrExpired, "says 2027-11-23T10:00:00Z"},
		{"the skew before release", earliest, time.Time{}, nil, ""},
		{"a second more than the skew", earliest.Add(-time.Second), time.Time{}, trust.ErrExpired, "2026-11-23T09:49:59Z (is the clock right?)"},
		{"clock at 1970", time.Unix(0, 0), time.Time{}, trust.ErrExpired, "the clock here says 1970-01-01T00:00:00Z"},
		{"clock at 2076", at("2076-01-01T00:00:00Z"), time.Time{}, trust.ErrExpired, "the clock here says 2076"},
		{"no clock given", time.Time{}, time.Time{}, trust.ErrExpired, "is the clock right?"},
		{"seen before, clock goes on", expires.Add(-time.Second), released, nil, ""},
		{"clock set back, not expired then", released, expires.Add(-time.Second), nil, ""},
		{"clock set back, expired then", released, expires, trust.ErrExpired, "an update was accepted at 2027-11-23T10:00:00Z"},
		{"seen before, now expired", expires, released, trust.ErrExpired, "the clock here says"},
		{"seen before, clock set back before release", earliest.Add(-time.Second), released, trust.ErrExpired, "is the clock right?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := want()
			w.Now, w.LastSeen = tt.now, tt.lastSeen
			verifyAll(t, release(), w, tt.sentinel, tt.why)
		})
	}
}

func TestOlderReleaseIsRefused(t *testing.T) {
	released := at("2026-11-23T10:00:00Z")
	unordered := func(string, string) (int, bool) { return -1, false }

	for name, tt := range map[string]struct { // of 1.2.3
		change   func(*trust.Want)
		sentinel error
		why      string
	}{
		"nothing known":                      {func(w *trust.Want) { w.Compare = nil }, nil, ""},
		"an older one runs":                  {func(w *trust.Want) { w.Running = "1.2.2" }, nil, ""},
		"the same runs":                      {func(w *trust.Want) { w.Running = "1.2.3" }, nil, ""},
		"a newer one runs":                   {func(w *trust.Want) { w.Running = "1.2.4" }, trust.ErrRollback, "older than 1.2.4, which is running"},
		"compared as versions":               {func(w *trust.Want) { w.Running = "1.2.10" }, trust.ErrRollback, "is running"},
		"its release runs":                   {func(w *trust.Want) { w.Running = "v1.3.0-rc.1" }, trust.ErrRollback, "is running"},
		"running, nothing to compare with":   {func(w *trust.Want) { w.Running, w.Compare = "1.2.2", nil }, trust.ErrRollback, "Want.Compare is nil"},
		"running, unordered":                 {func(w *trust.Want) { w.Running = "build-7" }, nil, ""},
		"an order that is none":              {func(w *trust.Want) { w.Running, w.Compare = "1.2.4", unordered }, nil, ""},
		"the floor is lower":                 {func(w *trust.Want) { w.Floor = "1.2.2" }, nil, ""},
		"the floor is the same":              {func(w *trust.Want) { w.Floor = "v1.2.3" }, nil, ""},
		"the floor is higher":                {func(w *trust.Want) { w.Floor = "1.2.4" }, trust.ErrRollback, "older than 1.2.4, which was installed before"},
		"a floor, nothing to compare with":   {func(w *trust.Want) { w.Floor, w.Compare = "1.2.2", nil }, trust.ErrRollback, "Want.Compare is nil"},
		"a floor without order":              {func(w *trust.Want) { w.Floor, w.Compare = "build-7", unordered }, nil, ""},
		"higher floor, older runs":           {func(w *trust.Want) { w.Running, w.Floor = "1.2.2", "1.2.4" }, trust.ErrRollback, "installed before"},
		"lower floor, newer runs":            {func(w *trust.Want) { w.Running, w.Floor = "1.2.4", "1.2.2" }, trust.ErrRollback, "is running"},
		"the same document again":            {func(w *trust.Want) { w.Released = released }, nil, ""},
		"the same version published again":   {func(w *trust.Want) { w.Released = released.Add(-time.Second) }, nil, ""},
		"the same version, an older one":     {func(w *trust.Want) { w.Released = released.Add(time.Second) }, trust.ErrRollback, "was released at 2026-11-23T10:00:00Z"},
		"a downgrade asked for, running":     {func(w *trust.Want) { w.Running, w.AllowDowngrade = "1.2.4", true }, nil, ""},
		"a downgrade asked for, floor":       {func(w *trust.Want) { w.Floor, w.AllowDowngrade = "1.2.4", true }, nil, ""},
		"a downgrade asked for, no Compare":  {func(w *trust.Want) { w.Running, w.Compare, w.AllowDowngrade = "1.2.4", nil, true }, nil, ""},
		"a downgrade asked for, same, older": {func(w *trust.Want) { w.Released, w.AllowDowngrade = released.Add(time.Second), true }, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := want()
			tt.change(&w)
			verifyAll(t, release(), w, tt.sentinel, tt.why)
		})
	}
}

// The order of the checks: if a document fails two checks, the error is that of the
// earlier one. Each row fails its own check and all later ones; the row above differs
// in its own check alone.
func TestEarlierCheckDecides(t *testing.T) {
	a, b, stranger := newTestKey("a"), newTestKey("b"), newTestKey("stranger")
	past := func(w *trust.Want) { w.Running = "1.2.4" }
	expired := func(w *trust.Want) { past(w); w.Now = at("2076-01-01T00:00:00Z") }
	other := func(w *trust.Want) { expired(w); w.Arch = "arm64" }
	incomplete := with(release(), "size", 0)
	notJSON := func(document []byte) []byte { return append(document, '{') }

	for _, tt := range []struct {
		check    string
		document []byte
		change   func(*trust.Want)
		sentinel error
	}{
		{"none", signed(release(), a, b), func(*trust.Want) {}, nil},
		{"floor", signed(release(), a, b), past, trust.ErrRollback},
		{"time, before the floor", signed(release(), a, b), expired, trust.ErrExpired},
		{"request, before the time", signed(release(), a, b), other, trust.ErrMismatch},
		{"fields, before the request", signed(incomplete, a, b), other, trust.ErrMalformed},
		{"threshold, before the fields", signed(incomplete, a), other, trust.ErrThreshold},
		{"signature, before the fields", signed(incomplete, stranger), other, trust.ErrSignature},
		{"no signature, before the fields", write(incomplete), other, trust.ErrUnsigned},
		{"strict JSON, before the threshold", notJSON(signed(incomplete, a)), other, trust.ErrMalformed},
		{"strict JSON, before the signature", notJSON(signed(incomplete, stranger)), other, trust.ErrMalformed},
		{"strict JSON, before no signature", notJSON(write(incomplete)), other, trust.ErrMalformed},
		{"size, before strict JSON", notJSON([]byte(padded(trust.MaxDocument))), other, trust.ErrMalformed},
	} {
		t.Run(tt.check, func(t *testing.T) {
			w := want()
			tt.change(&w)
			v, err := trust.Verify(tt.document, policy(2, a, b), w)
			if tt.sentinel == nil {
				require.NoError(t, err)
				return
			}
			requireRefused(t, v, err, tt.sentinel)
			// Both errors are ErrMalformed: the text says which check it was.
			if strings.HasPrefix(tt.check, "fields") {
				require.ErrorContains(t, err, `"size"`)
			}
			if strings.HasPrefix(tt.check, "strict JSON") {
				require.ErrorContains(t, err, "not JSON")
			}
			if strings.HasPrefix(tt.check, "size") {
				require.ErrorContains(t, err, "larger than")
			}
		})
	}

	t.Run("strict JSON, before a policy that is missing", func(t *testing.T) {
		v, err := trust.Verify(notJSON(write(release())), nil, want())
		requireRefused(t, v, err, trust.ErrMalformed)
	})
	t.Run("signature, before an authority's document is incomplete", func(t *testing.T) {
		v, err := trust.VerifyVouched(write(incomplete), []string{"tuf"}, policy(1, a), want())
		requireRefused(t, v, err, trust.ErrUnsigned)
	})
}

// Only a path and a hash are read of a document of v0.1.0.
func TestUnsignedDocumentOfV010(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	old := member{"binary": "choria.bz2", "hash": hash, "uri": "http://evil.example/", "signature": "whatever"}
	v, err := trust.InsecureVerifyUnsigned(write(old), want())
	require.NoError(t, err)
	require.Equal(t, &trust.Verified{
		Release: trust.Release{Binary: "choria.bz2", Hash: hash},
		Digest:  sha256.Sum256(canonical(write(without(old, "signature")))),
		Legacy:  true,
	}, v)

	for name, bad := range map[string]member{
		"no binary":       without(old, "binary"),
		"no hash":         without(old, "hash"),
		"traversal":       with(old, "binary", "../choria.bz2"),
		"absolute":        with(old, "binary", "/choria.bz2"),
		"its own name":    with(old, "binary", "release.json"),
		"short hash":      with(old, "hash", hash[:62]),
		"hash null":       with(old, "hash", nil),
		"some new format": with(old, "format", 2),
		"format null":     with(old, "format", nil),
	} {
		t.Run(name, func(t *testing.T) {
			v, err := trust.InsecureVerifyUnsigned(write(bad), want())
			requireRefused(t, v, err, trust.ErrMalformed)
		})
	}
	t.Run("downgrade", func(t *testing.T) {
		w := want()
		w.Running = "1.2.4"
		v, err := trust.InsecureVerifyUnsigned(write(old), w)
		requireRefused(t, v, err, trust.ErrRollback)
	})
}
