// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/term"
)

// A variable is read without a wait, so the interrupt is after the passphrase.
func TestInterruptAfterPassphraseWritesNoKey(t *testing.T) {
	t.Setenv("TEST_PASSPHRASE", "correct-horse")
	for _, args := range []string{
		"release -o DIR/new --passphrase-env TEST_PASSPHRASE",
		"release -o DIR/new --no-passphrase",
		"convert DIR/old.key --to openssh-private -o DIR/new --new-passphrase-env TEST_PASSPHRASE",
		"convert DIR/old.key --to openssh-private -o DIR/new --no-passphrase",
		"passwd DIR/old.key --new-passphrase-env TEST_PASSPHRASE",
		"passwd DIR/old.key --no-passphrase",
	} {
		t.Run(args, func(t *testing.T) {
			dir := t.TempDir()
			keygen := func(ctx context.Context, args string) (int, string) {
				var stderr bytes.Buffer
				code := run(ctx, strings.Fields(strings.ReplaceAll(args, "DIR", dir)), strings.NewReader(""), &bytes.Buffer{}, &stderr)
				return code, stderr.String()
			}
			code, stderr := keygen(t.Context(), "release -o DIR/old --no-passphrase")
			require.Equal(t, term.ExitOK, code, stderr)
			before, err := os.ReadFile(filepath.Join(dir, "old.key"))
			require.NoError(t, err)

			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			code, stderr = keygen(ctx, args)
			require.Equal(t, term.ExitInterrupted, code)
			require.Equal(t, "keygen: error: interrupted\n", stderr)

			after, err := os.ReadFile(filepath.Join(dir, "old.key"))
			require.NoError(t, err)
			require.Equal(t, before, after)
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, entries, 2)

			code, stderr = keygen(t.Context(), args)
			require.Equal(t, term.ExitOK, code, stderr)
		})
	}
}
