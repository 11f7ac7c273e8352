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

const passwdHelp = `Change the passphrase of a private key, add one, or take it off with
--no-passphrase. The key keeps its form, except that a key in the form of
sigstore becomes PKCS#8 without a passphrase. The file is replaced in one step:
whatever happens, it holds the old or the new one. Its mode is 0600 afterwards.

Copies of the old file still open with the old passphrase. If one may have got
into other hands, make a new key instead.`

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
	cmd.MarkFlagsMutuallyExclusive(source.AddFlags(cmd.Flags(), "passphrase", "that opens the key now")...)
	protect.addFlags(cmd, "new-passphrase", "that opens the key from then on")
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
	data, err := protect.write(ctx, c, key.private, key.info.Format, fmt.Sprintf("%q", path))
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := keys.ReplaceFile(path, data); err != nil {
		return err
	}
	how := "encrypted with the new passphrase"
	if protect.none {
		how = "not protected"
	}
	_, err = fmt.Fprintf(c.Out, "private key: %s (%s)\nfingerprint: %s\n", term.Sanitize(path), how, key.private.Public().ID())
	return err
}
