// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/keytext"
	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/keys"
)

// loaded is the contents of a key file.
type loaded struct {
	info    keys.Info
	private *keys.PrivateKey // nil if the file contains public keys
	public  []keys.PublicKey
}

// load reads a file with a private key or with public keys.
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
	return &loaded{info, private, []keys.PublicKey{private.Public()}}, nil
}

// protection holds the flags that say how to protect a private key.
type protection struct {
	name   string
	source term.PassphraseSource
	none   bool
}

func (p *protection) addFlags(cmd *cobra.Command, name, purpose string) {
	p.name = name
	names := p.source.AddFlags(cmd.Flags(), name, purpose)
	cmd.Flags().BoolVar(&p.none, "no-passphrase", false, "do not encrypt the new key: everyone who can read it can sign")
	cmd.MarkFlagsMutuallyExclusive(append(names, "no-passphrase")...)
}

// format formats the private key for the file at path, as the flags say. An
// interrupt until it returns is an error, so no key is written after Ctrl-C.
func (p *protection) format(ctx context.Context, c *term.Console, k *keys.PrivateKey, f keys.PrivateFormat, path string) ([]byte, error) {
	if p.none {
		if f == keys.Sigstore {
			f = keys.PKCS8 // cosign reads it, and Sigstore is always encrypted
		}
		data, err := keys.FormatUnprotected(k, f)
		return data, errors.Join(err, ctx.Err())
	}
	passphrase, err := p.source.New(ctx, c, fmt.Sprintf("%q", path))
	if errors.Is(err, term.ErrNoTerminal) {
		return nil, term.WithHint(err, fmt.Sprintf("use --%[1]s-file, --%[1]s-env or --no-passphrase", p.name))
	}
	if err != nil {
		return nil, err
	}
	data, err := keys.FormatEncrypted(k, f, passphrase)
	return data, errors.Join(err, ctx.Err())
}

// String says how the key is protected.
func (p *protection) String() string {
	if p.none {
		return "not encrypted"
	}
	return "encrypted"
}

// absent fails if path exists, even as a symbolic link, or has no directory. A path
// that is a key would be shown, and stay in the name of a file.
func absent(path string) error {
	if keytext.IsPrivate(path) {
		return term.Usage(fmt.Errorf("creating key file: %w", keys.ErrIsKey))
	}
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return term.WithHint(fmt.Errorf("creating key file: %q: %w", path, fs.ErrExist), "keygen never overwrites keys: move the file, or use another --output")
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
