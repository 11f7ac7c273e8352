// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/jsoncases"
	"github.com/choria-io/go-updater/trust"
)

// All functions that read a document.
func readers() map[string]func(document []byte) error {
	verified := func(_ *trust.Verified, err error) error { return err }
	return map[string]func(document []byte) error{
		"SignedBytes": func(d []byte) error { _, err := trust.SignedBytes(trust.ReleaseType, d); return err },
		"Verify":      func(d []byte) error { return verified(trust.Verify(d, policy(1, newTestKey("a")), want())) },
		"VerifyVouched": func(d []byte) error {
			return verified(trust.VerifyVouched(d, []string{"tuf"}, nil, want()))
		},
		"InsecureVerifyUnsigned": func(d []byte) error { return verified(trust.InsecureVerifyUnsigned(d, want())) },
	}
}

// Package internal/jcs tests its parser. Here: nothing reads a document without it.
func TestDocumentsAreStrictJSON(t *testing.T) {
	for name, read := range readers() {
		t.Run(name, func(t *testing.T) {
			for _, tt := range jsoncases.Strict() {
				require.ErrorIs(t, read([]byte(tt.Bad)), trust.ErrMalformed, tt.Name)
			}
		})
	}
}

func TestDocumentSizeLimit(t *testing.T) {
	longest := signed(with(release(), "notes", ""), newTestKey("a"))
	notes := strings.Repeat("x", trust.MaxDocument-len(longest))
	longest = signed(with(release(), "notes", notes), newTestKey("a"))
	require.Len(t, longest, 64<<10)
	for name, read := range readers() {
		require.NoError(t, read(longest), name)
		err := read(append(longest, ' '))
		require.ErrorIs(t, err, trust.ErrMalformed, name)
		require.ErrorContains(t, err, "larger than the limit of 65536 bytes", name)
	}
}

// padded returns a document of size bytes.
func padded(size int) string {
	const empty = `{"a":""}`
	return `{"a":"` + strings.Repeat("x", size-len(empty)) + `"}`
}

type paeCase struct{ name, payloadType, body, out string }

func paeCases() []paeCase {
	return []paeCase{
		{"the example of DSSE v1", "http://example.com/HelloWorld", "hello world", "DSSEv1 29 http://example.com/HelloWorld 11 hello world"},
		{"empty", "", "", "DSSEv1 0  0 "},
		{"lengths are bytes", "é", "€", "DSSEv1 2 é 3 €"},
		{"spaces belong to the parts", "a 1 b", "c", "DSSEv1 5 a 1 b 1 c"},
		{"bytes are kept", "t", "\x00\n\xff", "DSSEv1 1 t 3 \x00\n\xff"},
	}
}

func TestPAE(t *testing.T) {
	for _, tt := range paeCases() {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.out, string(trust.PAE(tt.payloadType, []byte(tt.body))))
		})
	}
}

func TestSignedBytes(t *testing.T) {
	const plain = `{"a":1,"b":{"signature":"kept"}}`
	expected := trust.PAE("type", []byte(plain))

	for _, tt := range []struct{ name, in string }{
		{"as it is", plain},
		{"respelled", "{ \"b\": {\"signature\": \"\\u006bept\"},\n \"a\": 1 }"},
		{"signed", `{"a":1,"b":{"signature":"kept"},"signature":"c2ln"}`},
		{"cosigned", `{"a":1,"cosignatures":[{"key":"k","signature":"s"}],"b":{"signature":"kept"}}`},
		{"signature of any kind", `{"a":1,"b":{"signature":"kept"},"signature":[null],"cosignatures":7}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := trust.SignedBytes("type", []byte(tt.in))
			require.NoError(t, err)
			require.Equal(t, string(expected), string(out))
		})
	}
	for _, tt := range []struct{ name, in string }{
		{"a value changed", `{"a":2,"b":{"signature":"kept"}}`},
		{"a nested signature changed", `{"a":1,"b":{"signature":"lost"}}`},
		{"an unknown member added", `{"a":1,"b":{"signature":"kept"},"c":null}`},
		{"another case of signature", `{"a":1,"b":{"signature":"kept"},"Signature":""}`},
		{"another case of cosignatures", `{"a":1,"b":{"signature":"kept"},"coſignatures":[]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := trust.SignedBytes("type", []byte(tt.in))
			require.NoError(t, err)
			require.NotEqual(t, string(expected), string(out))
		})
	}
}

// A document means the same here and to encoding/json, which v0.1.0 uses.
func TestCanonicalFormKeepsTheMeaning(t *testing.T) {
	in := signed(release(), newTestKey("a"), newTestKey("b"))
	out := canonical(in)
	var before, after any
	require.NoError(t, json.Unmarshal(in, &before))
	require.NoError(t, json.Unmarshal(out, &after))
	require.Equal(t, before, after)
}
