// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package jcs_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/jcs"
	"github.com/choria-io/go-updater/internal/testing/jsoncases"
)

// FuzzParse: Parse(Format(o)) is o, and the canonical form of a canonical form is
// itself. Parse accepts what encoding/json accepts, less what it refuses on purpose,
// and the canonical form means the same to encoding/json, which v0.1.0 uses.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"b":[1,null,true,{"é":"\u20ac"}],"a":"\ud83d\ude00\u000f"}`))
	f.Add([]byte(`{"hash":"","haſh":""}`))
	f.Add([]byte(`{"n":9007199254740991,"m":-0}`))
	f.Add([]byte(`{"format":1,"binary":"a.bz2","hash":"0a","size":1,"artifacts":[{"path":"a.bz2"}],"signature":"c2ln"}`))
	for _, tt := range jsoncases.Strict() {
		if len(tt.Bad) < 1<<10 {
			f.Add([]byte(tt.OK))
			f.Add([]byte(tt.Bad))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := jcs.Parse(text)
		if err != nil {
			require.ErrorIs(t, err, jcs.ErrSyntax)
			require.Nil(t, o)
			require.False(t, strict(text), "refused: %v", err)
			return
		}
		require.True(t, strict(text))
		canonical := jcs.Format(o)
		again, err := jcs.Parse(canonical)
		require.NoError(t, err)
		require.Equal(t, o, again)
		require.Equal(t, string(canonical), string(jcs.Format(again)))

		require.Equal(t, decode(t, text), decode(t, canonical))
		before, errBefore := v010(text)
		after, errAfter := v010(canonical)
		require.Equal(t, errBefore == nil, errAfter == nil)
		require.Equal(t, before, after)
	})
}

func TestFuzzCorpusIsThere(t *testing.T) {
	files, err := os.ReadDir(filepath.Join("testdata", "fuzz", "FuzzParse"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
}

// strict reports, by means of encoding/json, whether Parse must accept a text.
func strict(text []byte) bool {
	if !utf8.Valid(text) || !json.Valid(text) {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return false
	}
	_, ok := v.(map[string]any)
	return ok && strictValue(v, 0) && !hasTwins(text)
}

func strictValue(v any, depth int) bool {
	switch v := v.(type) {
	case json.Number:
		n, err := v.Int64()
		return err == nil && v != "-0" && max(n, -n) < 1<<53 && n != math.MinInt64
	case string:
		return !strings.ContainsRune(v, '\ufffd')
	case []any:
		return depth < 8 && !slices.ContainsFunc(v, func(item any) bool { return !strictValue(item, depth+1) })
	case map[string]any:
		for name, item := range v {
			if strings.ContainsRune(name, '\ufffd') || !strictValue(item, depth+1) {
				return false
			}
		}
		return depth < 8
	}
	return true
}

// v010 reads the fields that v0.1.0 reads of a document.
func v010(document []byte) (out struct{ Binary, Hash, Signature string }, err error) {
	if err = json.Unmarshal(document, &out); err != nil {
		out.Binary, out.Hash, out.Signature = "", "", "" // after an error they depend on the order
	}
	return out, err
}

func decode(t *testing.T, text []byte) (v any) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&v))
	return v
}

// hasTwins reports whether an object has two members whose names are equal, or
// differ in case only. It does not use the parser under test.
func hasTwins(text []byte) bool {
	var open []*[]string // the names so far of each open object, nil for an array
	name := false        // whether the next string is a name
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // without it a number that no float64 holds ends the loop before the twin
	for {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, &[]string{})
		case json.Delim('['):
			open = append(open, nil)
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		default:
			if text, ok := token.(string); ok && name {
				names := open[len(open)-1]
				twin := func(other string) bool { return strings.EqualFold(text, other) }
				if slices.ContainsFunc(*names, twin) {
					return true
				}
				*names = append(*names, text)
				name = false
				continue
			}
		}
		name = len(open) > 0 && open[len(open)-1] != nil
	}
}
