// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

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

	"github.com/choria-io/go-updater/trust"
)

// Whatever is read as a document has one canonical form, which is a document
// with the same meaning to encoding/json, in which v0.1.0 reads it. Whatever is
// not, encoding/json does not read either, or it is something that is refused
// on purpose.
func FuzzCanonical(f *testing.F) {
	f.Add([]byte(`{"b":[1,null,true,{"é":"\u20ac"}],"a":"\ud83d\ude00\u000f"}`))
	f.Add([]byte(`{"hash":"","haſh":""}`))
	f.Add([]byte(`{"n":9007199254740991,"m":-0}`))
	for _, tt := range strictCases() {
		if len(tt.bad) < 1<<10 {
			f.Add([]byte(tt.ok))
			f.Add([]byte(tt.bad))
		}
	}
	f.Add(signed(release(), newTestKey("a"), newTestKey("b")))
	f.Fuzz(func(t *testing.T, document []byte) {
		canonical, err := trust.Canonical(document)
		if err != nil {
			require.ErrorIs(t, err, trust.ErrMalformed)
			require.Nil(t, canonical)
			require.False(t, strict(document), "refused: %v", err)
			return
		}
		require.True(t, strict(document))
		again, err := trust.Canonical(canonical)
		require.NoError(t, err)
		require.Equal(t, string(canonical), string(again))

		require.Equal(t, generic(t, document), generic(t, canonical))
		before, errBefore := spec(document)
		after, errAfter := spec(canonical)
		require.Equal(t, errBefore == nil, errAfter == nil)
		require.Equal(t, before, after)
	})
}

// strict tells by means of encoding/json whether a document is to be read.
func strict(document []byte) bool {
	if len(document) > trust.MaxDocument || !utf8.Valid(document) || !json.Valid(document) {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return false
	}
	_, ok := v.(map[string]any)
	return ok && strictValue(v, 0) && !hasTwins(document)
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

// spec reads what v0.1.0 reads of a document.
func spec(document []byte) (out struct{ Binary, Hash, Signature string }, err error) {
	if err = json.Unmarshal(document, &out); err != nil {
		out.Binary, out.Hash, out.Signature = "", "", "" // how far it came depends on the order
	}
	return out, err
}

func generic(t *testing.T, document []byte) (v any) {
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&v))
	return v
}

// hasTwins looks for equal names, whatever their case, by other means than the
// parser under test.
func hasTwins(document []byte) bool {
	var open []*[]string // the names so far of each open object, nil for an array
	name := false        // whether the next text is a name
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber() // a number that no float64 holds ends the reading otherwise, before the twin
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

// Nothing is accepted but what the key holder signed: not other bytes, and not
// other facts of the same bytes.
func FuzzVerify(f *testing.F) {
	a, b := newTestKey("a"), newTestKey("b")
	newer := with(release(), "serial", 7)
	accepted := map[string]*trust.Verified{}
	for _, m := range []member{release(), newer} {
		document := signed(m, a)
		message := string(must(trust.SignedBytes(trust.ReleaseType, document)))
		accepted[message] = must(trust.Verify(document, policy(1, a), want()))
		f.Add(document)
		f.Add(signed(m, b, a))
		f.Add(must(json.MarshalIndent(json.RawMessage(document), "", " ")))
		f.Add(signed(m, b))
		f.Add(write(m))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		v, err := trust.Verify(document, policy(1, a), want())
		if err != nil {
			require.Nil(t, v)
			return
		}
		message, err := trust.SignedBytes(trust.ReleaseType, document)
		require.NoError(t, err)
		require.Equal(t, accepted[string(message)], v)
	})
}

// What is read as keys can be written and read again, in every form; and all
// of them are keys that NewKey takes.
func FuzzParseKeys(f *testing.F) {
	a, b := newTestKey("a"), newTestKey("b")
	f.Add(a.Bytes())
	f.Add([]byte(a.String() + "\n"))
	f.Add(a.PEM())
	f.Add(slices.Concat(a.PEM(), []byte("\n"), b.PEM()))
	f.Add(make([]byte, 32))
	f.Add([]byte(respell(a.String())))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := trust.ParseKeys(data)
		if err != nil {
			require.ErrorIs(t, err, trust.ErrBadKey)
			require.Nil(t, keys)
			return
		}
		require.NotEmpty(t, keys)
		require.LessOrEqual(t, len(keys), trust.MaxKeys)
		var all []byte
		for _, k := range keys {
			require.Equal(t, k, must(trust.NewKey(k.Bytes())))
			for _, form := range [][]byte{k.Bytes(), []byte(k.String()), k.PEM()} {
				again, err := trust.ParseKeys(form)
				require.NoError(t, err)
				require.Equal(t, []trust.Key{k}, again)
			}
			all = append(all, k.PEM()...)
		}
		again, err := trust.ParseKeys(all)
		require.NoError(t, err)
		require.Equal(t, keys, again)
	})
}

// The one spelling of a signature, past any document.
func FuzzSignature(f *testing.F) {
	a := newTestKey("a")
	body := write(release())
	good := a.sign(body)
	f.Add(good)
	f.Add(respell(good))
	f.Add(good[:44] + "\n" + good[44:])
	f.Add(strings.TrimRight(good, "="))
	f.Add("")
	p := policy(1, a)
	f.Fuzz(func(t *testing.T, text string) {
		_, err := trust.Verify(write(with(release(), "signature", text)), p, want())
		require.Equal(t, text == good, err == nil, "%q: %v", text, err)
	})
}

// The corpus is read from where it is committed, and is not empty.
func TestFuzzCorpus(t *testing.T) {
	for _, target := range []string{"FuzzCanonical", "FuzzVerify", "FuzzParseKeys", "FuzzSignature", "FuzzStrictBase64"} {
		files, err := os.ReadDir(filepath.Join("testdata", "fuzz", target))
		require.NoError(t, err)
		require.NotEmpty(t, files, target)
	}
	dirs, err := os.ReadDir(filepath.Join("testdata", "fuzz"))
	require.NoError(t, err)
	require.Len(t, dirs, 5)
}
