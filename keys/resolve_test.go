// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestResolve(t *testing.T) {
	ctx := context.Background()
	write := func(name string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, testdata(t, name), 0o600))
		return path
	}
	knows := Options{Passphrase: func(_ context.Context, what string) ([]byte, error) {
		require.NotEmpty(t, what)
		return []byte(testPassphrase), nil
	}}
	t.Setenv("TEST_PLAIN_KEY", string(testdata(t, "openssl.pem")))
	t.Setenv("TEST_SEALED_KEY", string(testdata(t, "openssl-pbkdf2.pem")))
	t.Setenv("TEST_EMPTY_KEY", "")
	t.Setenv("SSH_AUTH_SOCK", "")

	for name, tc := range map[string]struct {
		ref string
		o   Options
	}{
		"file":         {write("openssl.pem"), Options{}},
		"sealed file":  {write("openssl-pbkdf2.pem"), knows},
		"env":          {"env:TEST_PLAIN_KEY", Options{}},
		"sealed env":   {"env:TEST_SEALED_KEY", knows},
		"openssh file": {write("openssh"), Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			s, key, err := Resolve(ctx, tc.ref, tc.o)
			require.NoError(t, err)
			sig, err := s.SignMessage(strings.NewReader("message"))
			require.NoError(t, err)
			require.True(t, ed25519.Verify(key.Bytes(), []byte("message"), sig))
		})
	}

	refused := errors.New("no terminal")
	for name, tc := range map[string]struct {
		ref string
		o   Options
		err error
	}{
		"no Passphrase":          {"env:TEST_SEALED_KEY", Options{}, ErrPassphraseNeeded},
		"Passphrase fails":       {"env:TEST_SEALED_KEY", Options{Passphrase: func(context.Context, string) ([]byte, error) { return nil, refused }}, refused},
		"Passphrase returns nil": {"env:TEST_SEALED_KEY", Options{Passphrase: func(context.Context, string) ([]byte, error) { return nil, nil }}, ErrPassphraseNeeded},
		"wrong passphrase":       {"env:TEST_SEALED_KEY", Options{Passphrase: func(context.Context, string) ([]byte, error) { return []byte("no"), nil }}, ErrPassphrase},
		"empty env":              {"env:TEST_EMPTY_KEY", Options{}, ErrMalformed},
		"no such file":           {filepath.Join(t.TempDir(), "none"), Options{}, os.ErrNotExist},
		"public file":            {write("openssl.pub"), Options{}, ErrNotPrivate},
		"AWS":                    {"awskms:///alias/x", Options{}, ErrUnsupported},
		"Google":                 {"gcpkms://projects/x", Options{}, ErrUnsupported},
		"Vault":                  {"hashivault://x", Options{}, ErrUnsupported},
		"upper case":             {"AwsKms://x", Options{}, ErrUnsupported},
		"file URL":               {"file:///release.key", Options{}, ErrUnsupported},
		"no agent is running":    {"ssh-agent:SHA256:x", Options{}, ErrAgent},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Resolve(ctx, tc.ref, tc.o)
			require.ErrorIs(t, err, tc.err)
		})
	}
	t.Run("unset env", func(t *testing.T) {
		_, _, err := Resolve(ctx, "env:TEST_NO_SUCH_KEY", Options{})
		require.ErrorContains(t, err, `"TEST_NO_SUCH_KEY" is not set`)
	})
}
