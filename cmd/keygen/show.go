// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/keys"
)

const showHelp = `Show what a key file holds: which half, in which form, and by what names the key
is known. A secret is never shown. An encrypted private key needs its passphrase,
for its public half is encrypted too.`

const showExample = `  keygen show release.pub
  keygen show release.key
  keygen show --json release.pub`

// shown is the data of show, and its JSON.
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
		Short:   "Show what a key file holds, never a secret",
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
		s.Keys = append(s.Keys, shownKey{p.Key.ID(), p.Key.String(), p.SSHFingerprint(), p.MinisignName()})
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
		how = ", not protected"
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

// loaded is a key file of either half.
type loaded struct {
	info    keys.Info
	private *keys.PrivateKey // nil for a public key file
	public  []keys.PublicKey
}

// load reads a key file of either half, asking for a passphrase if need be.
func load(ctx context.Context, c *term.Console, path string, source *term.PassphraseSource) (*loaded, error) {
	file, err := keys.ReadFile(path)
	if err != nil {
		return nil, err
	}
	info, err := keys.Inspect(file.Data)
	if errors.Is(err, keys.ErrNotPrivate) {
		public, err := keys.ParsePublic(file.Data)
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", path, err)
		}
		return &loaded{public: public}, nil
	}
	private, err := keys.Options{
		Warn: c.Warning,
		Passphrase: func(ctx context.Context, what string) ([]byte, error) {
			return source.Known(ctx, c, what)
		},
	}.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	return &loaded{info, private, []keys.PublicKey{private.PublicKey()}}, nil
}
