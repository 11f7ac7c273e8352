// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/keys"
)

const passwdHelp = `Change or add the passphrase of a private key, or remove it with --no-passphrase.
The key keeps its format, except that a sigstore key without a passphrase
becomes PKCS#8. The file is replaced atomically and gets mode 0600.

Copies of the old file can still be decrypted with the old passphrase. If an
attacker may have one, make a new key instead.`

const passwdExample = `  keygen passwd release.key
  keygen passwd release.key --passphrase-env OLD --new-passphrase-env NEW`

func passwdCommand(c *term.Console) *cobra.Command {
	var source term.PassphraseSource
	var protect protection
	cmd := &cobra.Command{
		Use:     "passwd <file>",
		Short:   "Change the passphrase of a private key",
		Long:    passwdHelp,
		Example: passwdExample,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return passwd(cmd.Context(), c, args[0], &source, &protect)
		},
	}
	cmd.MarkFlagsMutuallyExclusive(source.AddFlags(cmd.Flags(), "passphrase", "that decrypts the key now")...)
	protect.addFlags(cmd, "new-passphrase", "that encrypts the key from now on")
	return cmd
}

func passwd(ctx context.Context, c *term.Console, path string, source *term.PassphraseSource, protect *protection) error {
	key, err := load(ctx, c, path, source)
	if err != nil {
		return err
	}
	if key.private == nil {
		return fmt.Errorf("changing the passphrase of %q: %w", path, keys.ErrNotPrivate)
	}
	data, err := protect.format(ctx, c, key.private, key.info.Format, path)
	if err != nil {
		return err
	}
	if err := keys.ReplaceFile(path, data); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "private key: %s (%s)\nfingerprint: %s\n", term.Sanitize(path), protect, key.private.Public().ID())
	return err
}
