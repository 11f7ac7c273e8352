// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package jcs_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/jcs"
)

// What the parser refuses, and the canonical form itself, are tested in package
// trust, with the published vectors.

func TestParseIsTheInverseOfFormat(t *testing.T) {
	o := jcs.Object{
		"text": "a\"\\/\x00é😀", "number": int64(-7), "flag": true, "none": nil,
		"list": []any{"x", jcs.Object{}}, "object": jcs.Object{"deep": int64(jcs.MaxInteger)},
	}
	again, err := jcs.Parse(jcs.Format(o))
	require.NoError(t, err)
	require.Equal(t, o, again)

	_, err = jcs.Parse([]byte(`{"a":1.5}`))
	require.ErrorIs(t, err, jcs.ErrSyntax)
}

func TestParseLimitsDepth(t *testing.T) {
	nested := func(depth int) []byte {
		return []byte(strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth))
	}
	_, err := jcs.Parse(nested(jcs.MaxDepth))
	require.NoError(t, err)
	_, err = jcs.Parse(nested(jcs.MaxDepth + 1))
	require.ErrorIs(t, err, jcs.ErrSyntax)
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":[1,"x",null,true,{"b":-9}]}`, `{"é":"\u00e9\ud83d\ude00"}`, `{"A":1,"a":2}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := jcs.Parse(text)
		if err != nil {
			require.ErrorIs(t, err, jcs.ErrSyntax)
			return
		}
		canonical := jcs.Format(o)
		again, err := jcs.Parse(canonical)
		require.NoError(t, err)
		require.Equal(t, o, again)
		require.Equal(t, canonical, jcs.Format(again))
	})
}
