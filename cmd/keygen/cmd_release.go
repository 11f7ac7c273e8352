// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/keys"
)

const releaseHelp = `Make a key pair: the private key in BASENAME.key and the public key, as PEM, in
BASENAME.pub. If either file exists, the command fails and writes nothing.

The private key is encrypted with a passphrase in a format that cosign reads
too. The passphrase is read from the terminal, or from where a flag says. With
--no-passphrase the key is plain PKCS#8: everyone who can read it can sign.`

const releaseExample = `  keygen release
  keygen release --output keys/2027 --passphrase-file passphrase.txt
  keygen release --passphrase-env RELEASE_PASSPHRASE`

func releaseCommand(c *term.Console) *cobra.Command {
	var output string
	var protect protection
	cmd := &cobra.Command{
		Use:     "release [--output BASENAME] [--passphrase-file FILE | --passphrase-env NAME | --no-passphrase]",
		Short:   "Make a key pair for signing releases",
		Long:    releaseHelp,
		Example: releaseExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return release(cmd.Context(), c, output, &protect)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "release", "write `BASENAME`.key and BASENAME.pub")
	protect.addFlags(cmd, "passphrase", "of the new key")
	cmd.DisableFlagsInUseLine = true
	return cmd
}

func release(ctx context.Context, c *term.Console, base string, protect *protection) error {
	if name := filepath.Base(base); name == "." || name == ".." || strings.HasSuffix(base, string(filepath.Separator)) {
		return term.Usagef("--output %q is not a file name", base)
	}
	private, public := base+".key", base+".pub"
	// Checked before the user types a passphrase. CreateFiles uses O_EXCL.
	for _, path := range []string{private, public} {
		if err := absent(path); err != nil {
			return err
		}
	}

	key, err := keys.Generate(rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	data, err := protect.format(ctx, c, key, keys.Sigstore, private)
	if err != nil {
		return err
	}
	if err := keys.CreateFiles(
		keys.File{Path: private, Data: data, Mode: 0o600},
		keys.File{Path: public, Data: key.Public().PEM(), Mode: 0o644},
	); err != nil {
		return err
	}

	line, err := keys.FormatPublic(key.Public(), keys.PublicGo)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, `private key: %s (%s)
public key:  %s
fingerprint: %s

To embed the public key in a Go program:

	%s`, term.Sanitize(private), protect, term.Sanitize(public), key.Public().ID(), line)
	return err
}
