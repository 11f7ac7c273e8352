// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/trust"
)

func TestParsePublic(t *testing.T) {
	k := rfcKey(t).Public()
	for _, f := range publicFormats() {
		if f == PublicGo {
			continue
		}
		t.Run(string(f), func(t *testing.T) {
			back, err := ParsePublic(testdata(t, "rfc8032-"+string(f)+".golden"))
			require.NoError(t, err)
			require.Equal(t, []PublicKey{k}, back)
		})
	}
	t.Run("several", func(t *testing.T) {
		two := testKey2(t).Public()
		back, err := ParsePublic(append(k.Key.PEM(), two.Key.PEM()...))
		require.NoError(t, err)
		require.Equal(t, []PublicKey{k, two}, back)

		more, err := FormatPublic(two, PublicOpenSSH)
		require.NoError(t, err)
		lines := string(testdata(t, "rfc8032-openssh.golden")) + "# and\n\n" + string(more)
		back, err = ParsePublic([]byte(lines))
		require.NoError(t, err)
		require.Equal(t, []PublicKey{k, two}, back)
	})
	t.Run("bare minisign line", func(t *testing.T) {
		_, line, _ := bytes.Cut(testdata(t, "minisign.pub"), []byte("\n"))
		bare, err := ParsePublic(line)
		require.NoError(t, err)
		whole, err := ParsePublic(testdata(t, "minisign.pub"))
		require.NoError(t, err)
		require.Equal(t, whole, bare)
	})

	line := strings.TrimSpace(string(testdata(t, "rfc8032-openssh.golden")))
	zero := base64.StdEncoding.EncodeToString(append([]byte("Ed12345678"), make([]byte, 32)...))
	for name, tc := range map[string]struct {
		data string
		err  error
	}{
		"empty":                      {"", ErrMalformed},
		"too large":                  {line + strings.Repeat("\n", MaxFile), ErrMalformed},
		"private PEM":                {string(testdata(t, "openssl.pem")), ErrNotPublic},
		"private encrypted PEM":      {string(testdata(t, "openssl-pbkdf2.pem")), ErrNotPublic},
		"private OpenSSH":            {string(testdata(t, "openssh")), ErrNotPublic},
		"private minisign":           {string(testdata(t, "minisign.key")), ErrNotPublic},
		"private encrypted minisign": {string(testdata(t, "minisign-encrypted.key")), ErrNotPublic},
		"private after public":       {string(testdata(t, "openssl.pub")) + string(testdata(t, "openssl.pem")), ErrNotPublic},
		"RSA PEM":                    {string(testdata(t, "rsa.pub")), trust.ErrBadKey},
		"RSA OpenSSH":                {string(testdata(t, "openssh-rsa.pub")), ErrNotEd25519},
		"ECDSA OpenSSH":              {string(testdata(t, "openssh-ecdsa.pub")), ErrNotEd25519},
		"OpenSSH as ssh-rsa":         {strings.Replace(line, "ssh-ed25519", "ssh-rsa", 1), ErrMalformed},
		"OpenSSH without key":        {"ssh-ed25519", ErrMalformed},
		"OpenSSH damaged":            {line[:40], ErrMalformed},
		"too many OpenSSH lines":     {strings.Repeat(line+"\n", trust.MaxKeys+1), ErrMalformed},
		"low order in minisign":      {zero, trust.ErrBadKey},
		"nonsense":                   {"hunter2hunter2", trust.ErrBadKey},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePublic([]byte(tc.data))
			require.ErrorIs(t, err, tc.err)
		})
	}
}

func TestNamesInOtherTools(t *testing.T) {
	k := rfcKey(t).Public()
	require.Equal(t, strings.ToUpper(k.Key.ID()[:16]), k.MinisignID())
	read, err := ParsePublic(testdata(t, "minisign.pub"))
	require.NoError(t, err)
	require.Contains(t, string(testdata(t, "minisign.pub")), read[0].MinisignID())
}
