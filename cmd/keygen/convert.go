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
		Short: "Write a key in another tool's form",
		Long: `Write the key in FILE in another form. The public half goes to standard output,
or to a new file with --output; it can be had from either half. A private key
only ever goes to a new file that nobody else can read.

--passphrase-file and --passphrase-env open FILE; --new-passphrase-file,
--new-passphrase-env and --no-passphrase protect the private key that is written.

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
	cmd.MarkFlagsMutuallyExclusive(conv.source.AddFlags(cmd.Flags(), "passphrase", "that opens the key")...)
	conv.protect.addFlags(cmd, "new-passphrase", "of the written key")
	// Both can only fail for a flag that is not there.
	_ = cmd.MarkFlagRequired("to")
	_ = cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions(append(public, private...), cobra.ShellCompDirectiveNoFileComp))
	cmd.DisableFlagsInUseLine = true
	return cmd
}

func formats() (public, private []string) {
	for _, f := range keys.PublicFormats() {
		public = append(public, string(f))
	}
	for _, f := range keys.PrivateFormats() {
		private = append(private, string(f))
	}
	return public, private
}

func (v *conversion) run(ctx context.Context, c *term.Console, path string) error {
	public, private := formats()
	toPrivate := slices.Contains(private, v.to)
	switch {
	case !toPrivate && !slices.Contains(public, v.to):
		return term.WithHint(term.Usagef("unknown format %q", v.to), "the formats are "+strings.Join(append(public, private...), ", "))
	case toPrivate && v.output == "":
		return term.Usagef("%s is a private key and goes to a file only: say --output FILE", v.to)
	case v.protect.none && v.to == string(keys.Sigstore):
		return term.Usagef("%s is always encrypted: say --to %s for a key without a passphrase", keys.Sigstore, keys.PKCS8)
	case v.to == string(keys.PublicRaw) && v.output == "" && term.IsTerminal(c.Out):
		return term.Usagef("raw bytes don't go to a terminal: say --output FILE")
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
	data, err := v.protect.write(ctx, c, key.private, keys.PrivateFormat(v.to), fmt.Sprintf("%q", v.output))
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := keys.CreateFiles(keys.NewFile{Path: v.output, Data: data, Mode: 0o600}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "private key: %s\nfingerprint: %s\n", term.Sanitize(v.output), key.private.Public().ID())
	return err
}

func (v *conversion) public(c *term.Console, path string, key *loaded) error {
	if len(key.public) != 1 {
		return fmt.Errorf("converting %q: it holds %d keys, only one can be converted at a time", path, len(key.public))
	}
	data, err := keys.FormatPublic(key.public[0], keys.PublicFormat(v.to))
	if err != nil {
		return err
	}
	if v.output == "" {
		_, err := c.Out.Write(data)
		return err
	}
	if err := keys.CreateFiles(keys.NewFile{Path: v.output, Data: data, Mode: 0o644}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "public key:  %s\nfingerprint: %s\n", term.Sanitize(v.output), key.public[0].Key.ID())
	return err
}
