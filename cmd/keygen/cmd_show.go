// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
)

const showHelp = `Show the contents of a key file: its type, its format, and the fingerprints of
the key. Secrets are never shown. An encrypted private key needs its passphrase,
because its public half is encrypted too.`

const showExample = `  keygen show release.pub
  keygen show release.key
  keygen show --json release.pub`

// shown is the output of show, and its JSON.
type shown struct {
	Kind      string     `json:"kind"` // private or public
	Format    string     `json:"format,omitempty"`
	Encrypted bool       `json:"encrypted"`
	Keys      []shownKey `json:"keys"`
}

type shownKey struct {
	Fingerprint    string `json:"fingerprint"`
	PublicKey      string `json:"public_key"`
	SSHFingerprint string `json:"ssh_fingerprint"`
	MinisignID     string `json:"minisign_id"`
}

func showCommand(c *term.Console) *cobra.Command {
	var asJSON bool
	var source term.PassphraseSource
	cmd := &cobra.Command{
		Use:     "show [--json] [--passphrase-file FILE | --passphrase-env NAME] <file>",
		Short:   "Show the contents of a key file, but no secrets",
		Long:    showHelp,
		Example: showExample,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return show(cmd.Context(), c, args[0], &source, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive(source.AddFlags(cmd.Flags(), "passphrase", "of the key")...)
	cmd.DisableFlagsInUseLine = true
	return cmd
}

func show(ctx context.Context, c *term.Console, path string, source *term.PassphraseSource, asJSON bool) error {
	k, err := load(ctx, c, path, source)
	if err != nil {
		return err
	}
	s := shown{Kind: "public"}
	if k.private != nil {
		s = shown{Kind: "private", Format: string(k.info.Format), Encrypted: k.info.Encrypted}
	}
	for _, p := range k.public {
		s.Keys = append(s.Keys, shownKey{p.ID(), p.String(), p.SSHFingerprint(), p.MinisignID()})
	}
	if asJSON {
		enc := json.NewEncoder(c.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	}
	return s.print(c)
}

func (s *shown) print(c *term.Console) error {
	how := ""
	if s.Kind == "private" {
		how = ", not encrypted"
		if s.Encrypted {
			how = ", encrypted"
		}
		how = fmt.Sprintf(" (%s%s)", s.Format, how)
	}
	for _, k := range s.Keys {
		if _, err := fmt.Fprintf(c.Out, "%s key%s\nfingerprint:     %s\npublic key:      %s\nssh fingerprint: %s\nminisign id:     %s\n",
			s.Kind, how, k.Fingerprint, k.PublicKey, k.SSHFingerprint, k.MinisignID); err != nil {
			return err
		}
	}
	return nil
}
