// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/keys"
)

const convertExample = `  keygen convert release.pub --to openssh
  keygen convert release.key --to go
  keygen convert release.key --to openssh-private --output id_release
  keygen convert minisign.key --to sigstore-private --output release.key`

type conversion struct {
	to, output string
	source     term.PassphraseSource
	protect    protection
}

func convertCommand(c *term.Console) *cobra.Command {
	var conv conversion
	public, private := formats()
	cmd := &cobra.Command{
		Use:   "convert <file> --to FORMAT [--output FILE]",
		Short: "Convert a key to another format",
		Long: `Convert the key in FILE to another format. A public format can be made from
either kind of key, and goes to standard output or to a new file with --output.
A private format always goes to a new file that other users cannot read.

--passphrase-file and --passphrase-env decrypt FILE. --new-passphrase-file,
--new-passphrase-env and --no-passphrase apply to the private key that is written.

Public formats:  ` + strings.Join(public, ", ") + `
Private formats: ` + strings.Join(private, ", "),
		Example: convertExample,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return conv.run(cmd.Context(), c, args[0])
		},
	}
	cmd.Flags().StringVar(&conv.to, "to", "", "`FORMAT` to write (required)")
	cmd.Flags().StringVarP(&conv.output, "output", "o", "", "new `FILE` to write; required for private formats")
	cmd.MarkFlagsMutuallyExclusive(conv.source.AddFlags(cmd.Flags(), "passphrase", "that decrypts the key")...)
	conv.protect.addFlags(cmd, "new-passphrase", "of the new key")
	// These fail only for an unknown flag.
	_ = cmd.MarkFlagRequired("to")
	_ = cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions(append(public, private...), cobra.ShellCompDirectiveNoFileComp))
	cmd.DisableFlagsInUseLine = true
	return cmd
}

func formats() (public, private []string) {
	for _, f := range []keys.PublicFormat{
		keys.PublicPEM, keys.PublicBase64, keys.PublicRaw, keys.PublicOpenSSH, keys.PublicMinisign, keys.PublicGo,
	} {
		public = append(public, string(f))
	}
	for _, f := range []keys.PrivateFormat{keys.Sigstore, keys.PKCS8, keys.OpenSSH, keys.Minisign} {
		private = append(private, string(f))
	}
	return public, private
}

func (v *conversion) run(ctx context.Context, c *term.Console, path string) error {
	public, private := formats()
	toPrivate := slices.Contains(private, v.to)
	switch {
	case !toPrivate && !slices.Contains(public, v.to):
		return term.WithHint(term.Usagef("unknown format %q", v.to), "use one of "+strings.Join(append(public, private...), ", "))
	case toPrivate && v.output == "":
		return term.Usagef("%s is a private format and needs a file (use --output FILE)", v.to)
	case v.protect.none && v.to == string(keys.Sigstore):
		return term.Usagef("%s is always encrypted (use --to %s for a key without a passphrase)", keys.Sigstore, keys.PKCS8)
	case v.to == string(keys.PublicRaw) && v.output == "" && term.IsTerminal(c.Out):
		return term.Usagef("raw bytes are not written to a terminal (use --output FILE)")
	}
	if v.output != "" {
		if err := absent(v.output); err != nil {
			return err
		}
	}
	key, err := load(ctx, c, path, &v.source)
	if err != nil {
		return err
	}
	if toPrivate {
		return v.private(ctx, c, path, key)
	}
	return v.public(c, path, key)
}

func (v *conversion) private(ctx context.Context, c *term.Console, path string, key *loaded) error {
	if key.private == nil {
		return fmt.Errorf("converting %q: %w", path, keys.ErrNotPrivate)
	}
	data, err := v.protect.format(ctx, c, key.private, keys.PrivateFormat(v.to), v.output)
	if err != nil {
		return err
	}
	if err := keys.CreateFiles(keys.File{Path: v.output, Data: data, Mode: 0o600}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "private key: %s\nfingerprint: %s\n", term.Sanitize(v.output), key.private.Public().ID())
	return err
}

func (v *conversion) public(c *term.Console, path string, key *loaded) error {
	if len(key.public) != 1 {
		return fmt.Errorf("converting %q: the file contains %d keys, want one", path, len(key.public))
	}
	data, err := keys.FormatPublic(key.public[0], keys.PublicFormat(v.to))
	if err != nil {
		return err
	}
	if v.output == "" {
		_, err := c.Out.Write(data)
		return err
	}
	if err := keys.CreateFiles(keys.File{Path: v.output, Data: data, Mode: 0o644}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "public key:  %s\nfingerprint: %s\n", term.Sanitize(v.output), key.public[0].ID())
	return err
}
