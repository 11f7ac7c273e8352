// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/trust"
)

// FuzzVerify: nothing is accepted that the holder of the key did not sign, and
// equal signed bytes give equal facts.
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

// FuzzParseKeys: keys that were parsed can be written and parsed again, in every
// form, and NewKey accepts them.
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

// FuzzSignature: a valid signature has one spelling.
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
func TestFuzzCorporaAreThere(t *testing.T) {
	for _, target := range []string{"FuzzVerify", "FuzzParseKeys", "FuzzSignature", "FuzzStrictBase64"} {
		files, err := os.ReadDir(filepath.Join("testdata", "fuzz", target))
		require.NoError(t, err)
		require.NotEmpty(t, files, target)
	}
	dirs, err := os.ReadDir(filepath.Join("testdata", "fuzz"))
	require.NoError(t, err)
	require.Len(t, dirs, 4)
}
