// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package jcs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/jcs"
	"github.com/choria-io/go-updater/internal/testing/jsoncases"
)

func TestParseRefusesWhatIsNotStrictJSON(t *testing.T) {
	for _, tt := range jsoncases.Strict() {
		t.Run(tt.Name, func(t *testing.T) {
			_, err := jcs.Parse([]byte(tt.OK))
			require.NoError(t, err)

			o, err := jcs.Parse([]byte(tt.Bad))
			require.ErrorIs(t, err, jcs.ErrSyntax)
			require.ErrorContains(t, err, tt.Why)
			require.Less(t, len(err.Error()), 300, "an error must not repeat the input at length")
			require.Nil(t, o)
		})
	}
}

// The samples of RFC 8785 hold floats, which no document has: they are refused,
// never rounded.
func TestParseRefusesFloats(t *testing.T) {
	for _, number := range jsoncases.Floats() {
		_, err := jcs.Parse([]byte(`{"numbers":[` + number + `]}`))
		require.ErrorIs(t, err, jcs.ErrSyntax, number)
	}
}

func TestErrorSaysWhere(t *testing.T) {
	_, err := jcs.Parse([]byte(`{"name": "choria", "NAME": "other"}`))
	require.EqualError(t, err, `before byte 25: member "NAME" appears twice`)
}

func TestCanonicalForm(t *testing.T) {
	for _, tt := range jsoncases.Canonical() {
		t.Run(tt.Name, func(t *testing.T) {
			o, err := jcs.Parse([]byte(tt.In))
			require.NoError(t, err)
			require.Equal(t, tt.Out, string(jcs.Format(o)))
			again, err := jcs.Parse([]byte(tt.Out))
			require.NoError(t, err)
			require.Equal(t, o, again)
		})
	}
}

// RFC 8785 §3.2.2.2: every control character has one spelling.
func TestCanonicalFormOfControlCharacters(t *testing.T) {
	short := map[rune]string{'\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`}
	for r := rune(0); r < 0x20; r++ {
		spelling, ok := short[r]
		if !ok {
			spelling = fmt.Sprintf(`\u%04x`, r)
		}
		o, err := jcs.Parse(fmt.Appendf(nil, `{"a":"\u%04X"}`, r))
		require.NoError(t, err)
		require.Equal(t, jcs.Object{"a": string(r)}, o)
		require.Equal(t, `{"a":"`+spelling+`"}`, string(jcs.Format(o)))
	}
}

func TestParseReadsWhatFormatWrote(t *testing.T) {
	o := jcs.Object{
		"text": "a\"\\/\x00é😀", "number": int64(-7), "flag": true, "no": false, "none": nil,
		"list": []any{"x", jcs.Object{}, nil}, "object": jcs.Object{"deep": int64(jcs.MaxInteger)},
	}
	again, err := jcs.Parse(jcs.Format(o))
	require.NoError(t, err)
	require.Equal(t, o, again)
}

func TestFormatPanicsOnOtherTypes(t *testing.T) {
	for _, v := range []any{1, 1.5, []string{"a"}, struct{}{}} {
		require.Panics(t, func() { jcs.Format(jcs.Object{"a": v}) }, "%T", v)
	}
}

func TestDepthLimit(t *testing.T) {
	nested := func(depth int) []byte {
		return []byte(strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth))
	}
	_, err := jcs.Parse(nested(jcs.MaxDepth))
	require.NoError(t, err)
	_, err = jcs.Parse(nested(jcs.MaxDepth + 1))
	require.ErrorIs(t, err, jcs.ErrSyntax)
}

func TestFold(t *testing.T) {
	for _, same := range []string{"KELVIN", "Kelvin", "kelvin", "\u212aELVIN"} {
		require.Equal(t, jcs.Fold("kelvin"), jcs.Fold(same), same)
	}
	require.Equal(t, jcs.Fold("hash"), jcs.Fold("ha\u017fh"))
	require.NotEqual(t, jcs.Fold("ss"), jcs.Fold("ß"), "simple folding keeps the length")
}
