// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keytext_test

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/keytext"
)

// Every line of a key file is what a user may paste. The first line with the
// secret must be recognized alone.
func TestIsPrivate(t *testing.T) {
	for _, name := range []string{
		"openssl.pem", "openssl-pbkdf2.pem", "openssl-scrypt.pem", "openssl-sha1.pem", "rfc8410-v2.pem", "ed448.pem", "x25519.pem",
		"openssh", "openssh-encrypted", "openssh-rsa", "minisign.key", "minisign-encrypted.key",
		"rsa.pem", "rsa-pkcs1.pem", "ec.pem", "ec-sec1.pem",
	} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("..", "..", "keys", "testdata", name))
			require.NoError(t, err)
			line := strings.Split(string(data), "\n")[1]
			require.True(t, keytext.IsPrivate(line))
			require.True(t, keytext.IsPrivate("opening "+line+".key: no such file"))
			require.True(t, keytext.IsPrivate(string(data)))
			if strings.HasSuffix(name, ".pem") {
				require.True(t, keytext.IsPrivate(base64.StdEncoding.EncodeToString(data)))
			}
		})
	}
}

func TestIsNotPrivate(t *testing.T) {
	for _, name := range []string{
		"openssl.pub", "openssh.pub", "openssh-rsa.pub", "openssh-ecdsa.pub", "openssh-encrypted.pub", "rsa.pub",
		"minisign.pub", "minisign-encrypted.pub", "rfc8032-base64.golden", "rfc8032-go.golden",
	} {
		data, err := os.ReadFile(filepath.Join("..", "..", "keys", "testdata", name))
		require.NoError(t, err)
		require.False(t, keytext.IsPrivate(string(data)), name)
		require.False(t, keytext.IsPrivate(base64.StdEncoding.EncodeToString(data)), name)
	}
	for _, name := range []string{"", "release.key", "env:RELEASE_KEY", "ssh-agent:SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8"} {
		require.False(t, keytext.IsPrivate(name), name)
	}
}

func TestMaybeSecret(t *testing.T) {
	seed := []byte("\xfb0123456789 a seed of 32 bytes..")
	require.Len(t, seed, 32)
	for name, want := range map[string]bool{
		base64.StdEncoding.EncodeToString(seed):                  true,
		base64.RawURLEncoding.EncodeToString(seed):               true,
		base64.StdEncoding.EncodeToString(append(seed, seed...)): true,
		hex.EncodeToString(seed):                                 true,
		strings.ToUpper(hex.EncodeToString(seed)):                true,
		" " + hex.EncodeToString(seed) + "\n":                    true,
		`"` + hex.EncodeToString(seed) + `"`:                     true,
		strings.Repeat("A", 43) + "=":                            true,
		"-----BEGIN":                                             true,
		"MC4CAQ":                                                 true,
		"one\ntwo":                                               true,
		"":                                                       false,
		"release.key":                                            false,
		"RELEASE_KEY":                                            false,
		"/home/builder/workspace/release/keys/choria/release.key":     false,
		"/home/builder/workspace/release/keys/choria/release":         false,
		"A_VERY_LONG_NAME_OF_A_VARIABLE_WITH_THE_RELEASE_KEY_OF_2027": false,
	} {
		require.Equal(t, want, keytext.MaybeSecret(name), name)
	}
}

func TestMaybeSecretPath(t *testing.T) {
	seed := strings.Repeat("aB3d", 11)
	dir := filepath.Join(t.TempDir(), seed)
	require.NoError(t, os.Mkdir(dir, 0o700))
	for path, want := range map[string]bool{
		seed:                           true,
		"/" + seed:                     true,
		seed[:20] + "/" + seed[20:]:    true,
		filepath.Join(dir, "none"):     false, // in a directory that exists
		filepath.Join(dir, "MC4CAQAw"): true,
		"release.key":                  false,
	} {
		require.Equal(t, want, keytext.MaybeSecretPath(path), path)
	}
}
