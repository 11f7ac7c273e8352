// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
)

// No error of a parser quotes its input. The inputs are all keys and a
// passphrase, intact and damaged in ways that cause errors.
func TestErrorsQuoteNothing(t *testing.T) {
	race.Skip(t, "key derivation, in one goroutine")
	inputs := map[string][]byte{
		"passphrase":      []byte("Tr0ub4dor&3-battery-staple"),
		"passphrase line": []byte("Tr0ub4dor&3-battery-staple\n"),
	}
	for name, data := range keyFiles(t) {
		inputs[name] = data
	}
	for name, data := range inputs {
		for i, damaged := range damage(data) {
			passphrase := []byte("Zx81-Qv77-Kj55-Yw33")
			if strings.Contains(name, "minisign-encrypted") {
				passphrase = nil // its scrypt takes seconds, and the error is constant
			}
			_, err := ParsePrivate(damaged, passphrase)
			requireNoQuote(t, err, damaged, passphrase, name, i)
			_, err = ParsePrivate(damaged, nil)
			requireNoQuote(t, err, damaged, passphrase, name, i)
			_, err = ParsePublic(damaged)
			requireNoQuote(t, err, damaged, passphrase, name, i)
			_, err = Inspect(damaged)
			requireNoQuote(t, err, damaged, passphrase, name, i)
		}
	}
}

// Users write "$KEY" instead of env:KEY.
func TestKeyInPlaceOfItsNameIsNotQuoted(t *testing.T) {
	for _, name := range []string{"openssl.pem", "openssl-pbkdf2.pem", "openssh", "minisign-encrypted.key"} {
		key := string(testdata(t, name))
		refs := []string{key, "env:" + key}
		if strings.Contains(key, "PRIVATE KEY-----") {
			refs = append(refs, strings.ReplaceAll(key, "\n", " ")) // as an unquoted $KEY gives
		}
		for i, ref := range refs {
			_, _, err := Resolve(t.Context(), ref, Options{})
			require.ErrorIs(t, err, ErrIsKey, name)
			requireNoQuote(t, err, []byte(key), nil, name, i)
			_, err = ReadFile(ref)
			require.ErrorIs(t, err, ErrIsKey, name)
			requireNoQuote(t, err, []byte(key), nil, name, i)
		}
	}
}

func damage(data []byte) [][]byte {
	half, quarter := len(data)/2, len(data)/4
	all := [][]byte{
		data, data[:half], data[half:], data[:len(data)-quarter],
		bytes.ReplaceAll(data, []byte("\n"), nil),
		bytes.ReplaceAll(data, []byte("PRIVATE KEY"), []byte("ENCRYPTED SIGSTORE PRIVATE KEY")),
		bytes.ReplaceAll(data, []byte("PRIVATE KEY"), []byte("PUBLIC KEY")),
		append([]byte("ssh-ed25519 "), data...),
		append([]byte(minisignComment+" x\n"), data...),
	}
	for i := 0; i < len(data); i += 23 {
		changed := bytes.Clone(data)
		changed[i] = '*'
		all = append(all, changed)
	}
	if block, _ := pem.Decode(data); block != nil && !strings.Contains(block.Type, "ENCRYPTED") && block.Type != "OPENSSH PRIVATE KEY" {
		for i := range block.Bytes {
			changed := bytes.Clone(block.Bytes)
			changed[i] ^= 0x40
			all = append(all, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: changed}))
		}
	}
	return all
}

// requireNoQuote searches the error for 8 consecutive characters of the input or
// the passphrase. Short words such as "-----BEGIN" are ignored.
func requireNoQuote(t *testing.T, err error, data, passphrase []byte, name string, i int) {
	t.Helper()
	if err == nil {
		return
	}
	text := err.Error()
	for _, line := range append(strings.Fields(string(data)), string(passphrase)) {
		if len(line) < 16 { // no line of a key is shorter
			continue
		}
		for at := 0; at+8 <= len(line); at++ {
			require.NotContains(t, text, line[at:at+8], "%s, damage %d", name, i)
		}
	}
	if block, _ := pem.Decode(data); block != nil {
		require.NotContains(t, text, base64.StdEncoding.EncodeToString(block.Bytes)[:8])
		for at := 0; at+8 <= len(block.Bytes); at++ {
			require.NotContains(t, text, string(block.Bytes[at:at+8]))
		}
	}
}
