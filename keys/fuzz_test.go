// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/trust"
)

func seeds(f *testing.F) {
	for _, data := range keyFiles(f) {
		f.Add(data)
	}
	for _, name := range []string{"openssl.pem", "openssl.pub", "minisign.key", "minisign.pub", "openssh"} {
		for _, mangle := range mangled {
			f.Add([]byte(mangle(string(testdata(f, name)))))
		}
		f.Add([]byte(toUTF16(string(testdata(f, name)), false, true)))
	}
}

// Everything that parses is an Ed25519 key with matching halves, and every format
// of it parses to the same key.
func FuzzParsePrivate(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		passphrase := []byte(testPassphrase)
		if info, err := Inspect(data); err != nil || info.Encrypted && info.Format == Minisign {
			passphrase = nil // limited, but too slow for fuzzing
		}
		k, err := ParsePrivate(data, passphrase)
		if err != nil {
			return
		}
		derived, err := fromSeed(k.secret().key.Seed())
		require.NoError(t, err)
		require.True(t, derived.equal(k))
		require.Equal(t, derived.Public().Key, k.Public().Key)
		for _, form := range []PrivateFormat{PKCS8, OpenSSH, Minisign} {
			out, err := FormatUnprotected(k, form)
			require.NoError(t, err)
			back, err := ParsePrivate(out, nil)
			require.NoError(t, err)
			require.True(t, back.equal(k))
			if form == Minisign {
				require.Equal(t, k.Public(), back.Public())
			}
		}
		_, err = ParsePublic(data)
		require.ErrorIs(t, err, ErrNotPublic, "no input is both private and public")
	})
}

// Everything that parses can be formatted, and parses to the same keys again.
func FuzzParsePublic(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := ParsePublic(data)
		if err != nil {
			return
		}
		require.NotEmpty(t, parsed)
		require.LessOrEqual(t, len(parsed), trust.MaxKeys)
		for _, k := range parsed {
			_, err := trust.NewKey(k.Key.Bytes())
			require.NoError(t, err)
			for _, form := range []PublicFormat{PublicPEM, PublicBase64, PublicRaw, PublicOpenSSH, PublicMinisign} {
				out, err := FormatPublic(k, form)
				require.NoError(t, err)
				back, err := ParsePublic(out)
				require.NoError(t, err)
				require.Len(t, back, 1)
				require.Equal(t, k.Key, back[0].Key)
				if form == PublicMinisign {
					require.Equal(t, k, back[0])
					require.True(t, bytes.HasSuffix(out, []byte("\n")))
				}
			}
		}
		_, err = ParsePrivate(data, []byte(testPassphrase))
		require.Error(t, err, "no input is both private and public")
	})
}
