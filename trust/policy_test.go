// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/trust"
)

func TestNewPolicy(t *testing.T) {
	a, b, c := newTestKey("a").Key, newTestKey("b").Key, newTestKey("c").Key
	var many []trust.Key
	for i := range trust.MaxKeys + 1 {
		many = append(many, newTestKey(fmt.Sprint("many ", i)).Key)
	}
	for _, tt := range []struct {
		name      string
		threshold int
		keys      []trust.Key
		sentinel  error // nil: accepted
		why       string
	}{
		{"one of one", 1, []trust.Key{a}, nil, ""},
		{"three of three", 3, []trust.Key{a, b, c}, nil, ""},
		{"sixteen keys", 16, many[:16], nil, ""},
		{"threshold 0", 0, []trust.Key{a}, trust.ErrBadPolicy, "threshold of 0 with 1"},
		{"threshold -1", -1, []trust.Key{a}, trust.ErrBadPolicy, "threshold of -1"},
		{"threshold above the keys", 4, []trust.Key{a, b, c}, trust.ErrBadPolicy, "threshold of 4 with 3"},
		{"no keys", 1, nil, trust.ErrBadPolicy, "threshold of 1 with 0"},
		{"threshold 0 of no keys", 0, nil, trust.ErrBadPolicy, "threshold of 0"},
		{"one key twice", 1, []trust.Key{a, b, a}, trust.ErrBadPolicy, "given twice"},
		{"seventeen keys", 1, many, trust.ErrBadPolicy, "17 keys"},
		{"the zero key", 1, []trust.Key{a, {}}, trust.ErrBadKey, "low order"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := trust.NewPolicy(tt.threshold, tt.keys...)
			if tt.sentinel == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, tt.sentinel)
			require.ErrorContains(t, err, tt.why)
			require.Nil(t, p)
		})
	}
}

func TestPolicyCopiesItsKeys(t *testing.T) {
	a, b := newTestKey("a"), newTestKey("b")
	keys := []trust.Key{a.Key}
	p, err := trust.NewPolicy(1, keys...)
	require.NoError(t, err)
	keys[0] = b.Key
	v, err := trust.Verify(signed(release(), b), p, want())
	requireRefused(t, v, err, trust.ErrSignature)
}

func TestPolicyID(t *testing.T) {
	a, b, c := newTestKey("a"), newTestKey("b"), newTestKey("c")
	id := policy(1, a, b).ID()
	require.Len(t, id, 64)
	require.Equal(t, id, policy(1, b, a).ID())
	for _, other := range []*trust.Policy{policy(2, a, b), policy(1, a), policy(1, a, c), policy(1, a, b, c)} {
		require.NotEqual(t, id, other.ID())
	}
}

// The nil and the zero Policy trust no key: they are no way around the signatures.
func TestEmptyPolicyTrustsNoKey(t *testing.T) {
	document := signed(release(), newTestKey("a"))
	for name, p := range map[string]*trust.Policy{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			v, err := trust.Verify(document, p, want())
			requireRefused(t, v, err, trust.ErrBadPolicy)
			v, err = trust.Verify(write(release()), p, want())
			requireRefused(t, v, err, trust.ErrBadPolicy)
		})
	}
}

// attach returns the release with a signature, if top is not nil, and cosignatures.
func attach(top any, co ...member) []byte {
	m := release()
	if top != nil {
		m["signature"] = top
	}
	if len(co) > 0 {
		m["cosignatures"] = co
	}
	return write(m)
}

type thresholdCase struct {
	name      string
	threshold int // of the keys a, b and c
	document  []byte
	signers   []testKey
	sentinel  error // nil: accepted
}

func thresholdCases() []thresholdCase {
	a, b, c, stranger := newTestKey("a"), newTestKey("b"), newTestKey("c"), newTestKey("stranger")
	body := write(release())
	as := func(id string, k testKey) member { return member{"key": id, "signature": k.sign(body)} }
	co := func(k testKey) member { return k.cosignature(body) }
	nobody := strings.Repeat("00", 32)
	garbage := encode(make([]byte, 64))

	return []thresholdCase{
		{"one", 1, attach(a.sign(body)), []testKey{a}, nil},
		{"the last key", 1, attach(c.sign(body)), []testKey{c}, nil},
		{"a cosignature alone", 1, attach(nil, co(b)), []testKey{b}, nil},
		{"two", 2, attach(a.sign(body), co(b)), []testKey{a, b}, nil},
		{"two cosignatures", 2, attach(nil, co(c), co(b)), []testKey{c, b}, nil},
		{"three", 3, attach(c.sign(body), co(a), co(b)), []testKey{c, a, b}, nil},
		{"more than needed", 2, attach(a.sign(body), co(b), co(c)), []testKey{a, b, c}, nil},
		{"more than needed, one twice", 2, attach(a.sign(body), co(a), co(b)), []testKey{a, b}, nil},
		{"a stranger's signature on top", 2, attach(stranger.sign(body), co(a), co(b)), []testKey{a, b}, nil},
		{"a stranger's cosignature", 2, attach(a.sign(body), co(stranger), co(b)), []testKey{a, b}, nil},
		{"garbage of a stranger", 2, attach(a.sign(body), member{"key": nobody, "signature": garbage}, co(b)), []testKey{a, b}, nil},

		{"no signature", 1, attach(nil), nil, trust.ErrUnsigned},
		{"strangers", 1, attach(stranger.sign(body), co(stranger)), nil, trust.ErrSignature},
		{"one of two", 2, attach(a.sign(body)), nil, trust.ErrThreshold},
		{"two of three", 3, attach(a.sign(body), co(b)), nil, trust.ErrThreshold},
		{"one key, signature and cosignature", 2, attach(a.sign(body), co(a)), nil, trust.ErrThreshold},
		{"one key, two cosignatures", 2, attach(nil, co(a), co(a)), nil, trust.ErrThreshold},
		{"one key, sixteen signatures", 2, attach(a.sign(body), slices.Repeat([]member{co(a)}, 15)...), nil, trust.ErrThreshold},
		{"one key under two ids, one trusted", 2, attach(a.sign(body), as(b.ID(), a)), nil, trust.ErrSignature},
		{"one key under two ids, one a stranger's", 2, attach(a.sign(body), as(stranger.ID(), a)), nil, trust.ErrThreshold},
		{"a trusted key under a stranger's id", 2, attach(a.sign(body), as(nobody, b)), nil, trust.ErrThreshold},
		{"one and a stranger", 2, attach(a.sign(body), co(stranger)), nil, trust.ErrThreshold},
		{"enough, but a bad cosignature names a trusted key", 2, attach(a.sign(body), co(b), member{"key": c.ID(), "signature": garbage}), nil, trust.ErrSignature},
		{"enough, but a stranger claims to be a trusted key", 2, attach(a.sign(body), co(b), as(c.ID(), stranger)), nil, trust.ErrSignature},
	}
}

func TestThreshold(t *testing.T) {
	a, b, c := newTestKey("a"), newTestKey("b"), newTestKey("c")
	for _, tt := range thresholdCases() {
		t.Run(tt.name, func(t *testing.T) {
			v, err := trust.Verify(tt.document, policy(tt.threshold, a, b, c), want())
			if tt.sentinel != nil {
				requireRefused(t, v, err, tt.sentinel)
				return
			}
			require.NoError(t, err)
			var ids []string
			for _, k := range tt.signers {
				ids = append(ids, k.ID())
			}
			require.Equal(t, ids, v.Signers)
		})
	}
}

// The limit is on signature and cosignatures together. All but one are by unknown
// keys, so that only their number differs.
func TestSignatureLimit(t *testing.T) {
	a := newTestKey("a")
	body := write(release())
	strangers := func(n int) (co []member) {
		for i := range n {
			co = append(co, newTestKey(fmt.Sprint("stranger ", i)).cosignature(body))
		}
		return co
	}
	for _, tt := range []struct {
		name     string
		document []byte
		sentinel error
	}{
		{"one and fifteen", attach(a.sign(body), strangers(15)...), nil},
		{"sixteen cosignatures", attach(nil, append(strangers(15), a.cosignature(body))...), nil},
		{"one and sixteen", attach(a.sign(body), strangers(16)...), trust.ErrMalformed},
		{"seventeen cosignatures", attach(nil, append(strangers(16), a.cosignature(body))...), trust.ErrMalformed},
		{"as many as fit", attach(a.sign(body), strangers(300)...), trust.ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, err := trust.Verify(tt.document, policy(1, a), want())
			if tt.sentinel == nil {
				require.NoError(t, err)
				return
			}
			requireRefused(t, v, err, tt.sentinel)
			require.ErrorContains(t, err, "more than 16 signatures")
		})
	}
}

// The two members that no signature covers have no room for anything else.
func TestMalformedCosignaturesAreRefused(t *testing.T) {
	a := newTestKey("a")
	body := write(release())
	good := a.cosignature(body)
	_, err := trust.Verify(attach(nil, good), policy(1, a), want())
	require.NoError(t, err)

	for _, tt := range []struct {
		name string
		co   any
	}{
		{"an object", good},
		{"null", nil},
		{"text", "x"},
		{"a number", 1},
		{"of text", []any{a.sign(body)}},
		{"of null", []any{nil}},
		{"of arrays", []any{[]any{good}}},
		{"an empty entry", []any{member{}}},
		{"no key", []any{without(good, "key")}},
		{"no signature", []any{without(good, "signature")}},
		{"another member", []any{with(good, "comment", "x")}},
		{"another member for the key", []any{with(without(good, "key"), "keyid", a.ID())}},
		{"key null", []any{with(good, "key", nil)}},
		{"key empty", []any{with(good, "key", "")}},
		{"key in upper case", []any{with(good, "key", strings.ToUpper(a.ID()))}},
		{"key shortened", []any{with(good, "key", a.ID()[:63])}},
		{"key longer", []any{with(good, "key", a.ID()+"0")}},
		{"key not hex", []any{with(good, "key", a.ID()[:31]+"x"+a.ID()[32:])}},
		{"signature null", []any{with(good, "signature", nil)}},
		{"signature a number", []any{with(good, "signature", 0)}},
		{"a bad one after a good one", []any{good, member{}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// The signature on top would be enough.
			m := with(with(release(), "signature", a.sign(body)), "cosignatures", tt.co)
			v, err := trust.Verify(write(m), policy(1, a), want())
			requireRefused(t, v, err, trust.ErrMalformed)
		})
	}
	t.Run("empty array", func(t *testing.T) {
		m := with(release(), "cosignatures", []any{})
		v, err := trust.Verify(write(m), policy(1, a), want())
		requireRefused(t, v, err, trust.ErrUnsigned)
		_, err = trust.Verify(write(with(m, "signature", a.sign(body))), policy(1, a), want())
		require.NoError(t, err)
	})
}
