// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/keys"
)

const releaseHelp = `Make a key pair: BASENAME.key, the private key, and BASENAME.pub, the public key
as PEM. Files that exist are never overwritten; if either does, nothing is made.

The private key is encrypted with a passphrase in the form that cosign reads
too. The passphrase is asked on the terminal, unless a flag says where it is.
With --no-passphrase the key is plain PKCS#8: whoever reads the file can sign.`

const releaseExample = `  keygen release
  keygen release --output keys/2027 --passphrase-file passphrase.txt
  keygen release --passphrase-env RELEASE_PASSPHRASE`

// protection is the flags that say how a private key is to be protected.
type protection struct {
	source term.PassphraseSource
	none   bool
}

func (p *protection) addFlags(cmd *cobra.Command, name, purpose string) {
	names := p.source.AddFlags(cmd.Flags(), name, purpose)
	cmd.Flags().BoolVar(&p.none, "no-passphrase", false, "leave the written key unprotected: whoever reads it can sign")
	cmd.MarkFlagsMutuallyExclusive(append(names, "no-passphrase")...)
}

// write formats the key as the flags say, asking for a passphrase if need be.
func (p *protection) write(ctx context.Context, c *term.Console, k *keys.PrivateKey, f keys.PrivateFormat, what string) ([]byte, error) {
	if p.none {
		if f == keys.Sigstore {
			// The form is always encrypted; this is what cosign reads as plain.
			f = keys.PKCS8
		}
		return keys.FormatUnprotected(k, f)
	}
	passphrase, err := p.source.New(ctx, c, what)
	if errors.Is(err, term.ErrNoTerminal) {
		return nil, term.WithHint(err, "say where it is with --"+p.source.Name()+"-file or --"+p.source.Name()+"-env, or say --no-passphrase")
	}
	if err != nil {
		return nil, err
	}
	return keys.FormatEncrypted(k, f, passphrase)
}

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
	if name := filepath.Base(base); base == "" || name == "." || name == ".." || strings.HasSuffix(base, string(filepath.Separator)) {
		return term.Usagef("--output %q names no file", base)
	}
	private, public := base+".key", base+".pub"
	// Before anybody types a passphrase for nothing; what counts is O_EXCL.
	for _, path := range []string{private, public} {
		if err := absent(path); err != nil {
			return err
		}
	}

	key, err := keys.Generate(rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	data, err := protect.write(ctx, c, key, keys.Sigstore, fmt.Sprintf("%q", private))
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := keys.CreateFiles(
		keys.NewFile{Path: private, Data: data, Mode: 0o600},
		keys.NewFile{Path: public, Data: key.Public().PEM(), Mode: 0o644},
	); err != nil {
		return err
	}

	how := "encrypted"
	if protect.none {
		how = "not protected"
	}
	line, err := keys.FormatPublic(key.PublicKey(), keys.PublicGo)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, `private key: %s (%s)
public key:  %s
fingerprint: %s

To embed the public key in a Go program:

	%s`, term.Sanitize(private), how, term.Sanitize(public), key.Public().ID(), line)
	return err
}

// absent refuses a path that is taken, by whatever.
func absent(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return term.WithHint(fmt.Errorf("creating key file: %q: %w", path, fs.ErrExist), "keys are never overwritten: move it away, or choose another name with --output")
	case errors.Is(err, fs.ErrNotExist):
		dir := filepath.Dir(path)
		if info, err := os.Stat(dir); err != nil {
			return fmt.Errorf("creating key file: %w", err)
		} else if !info.IsDir() {
			return fmt.Errorf("creating key file: %q is not a directory", dir)
		}
		return nil
	}
	return fmt.Errorf("creating key file: %w", err)
}
