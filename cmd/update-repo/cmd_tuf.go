// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

const tufHelp = `Make and maintain TUF metadata, so that the repository also serves clients of The
Update Framework 1.0. Such clients survive the theft of the keys that are online.

Root keys and the targets key are kept offline, and several root keys have to sign.
The release key, which signs releases, also signs their entries in the metadata.
The online key signs which state is the latest, about once a day.

Once there is metadata, update-repo add, sign and cosign keep it current.`

func tufCommand(c *term.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tuf",
		Short: "Make and maintain TUF metadata",
		Long:  tufHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return term.WithHint(term.Usagef("no command given"), cmd.CommandPath()+" --help lists the commands")
		},
	}
	cmd.AddCommand(tufInitCommand(c), tufSignCommand(c), tufRotateCommand(c), tufRefreshCommand(c), tufStatusCommand(c))

	return cmd
}

// tufFlags are the keys that sign metadata, and the root that it must go back to.
type tufFlags struct {
	refs []string
	root string
}

func (f *tufFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.refs, "tuf-key", nil, "sign TUF metadata with the private key `REF` of the bins, snapshot or timestamp; may be given several times")
	f.addRoot(cmd)
}

func (f *tufFlags) addRoot(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.root, "tuf-root", "", "refuse TUF metadata that does not go back to the root in `FILE`")
}

func (f *tufFlags) trustedRoot() ([]byte, error) {
	if f.root == "" {
		return nil, nil
	}

	return readMetadata(f.root)
}

// tuf resolves the keys. Encrypted ones share one passphrase, or the user is asked.
func (f *tufFlags) tuf(ctx context.Context, c *term.Console, r *repository.Repository, passphrase *term.PassphraseSource) (repository.TUF, error) {
	out := repository.TUF{}
	var err error
	if out.TrustedRoot, err = f.trustedRoot(); err != nil {
		return out, err
	}
	for _, ref := range f.refs {
		signer, err := resolve(ctx, c, r, ref, passphrase)
		if err != nil {
			return out, err
		}
		out.Signers = append(out.Signers, signer)
	}

	return out, nil
}

// resolve finds a private key, and refuses one inside the repository r, which may be
// nil.
func resolve(ctx context.Context, c *term.Console, r *repository.Repository, ref string, passphrase *term.PassphraseSource) (signature.Signer, error) {
	if r != nil {
		if err := outside(r, ref, passphrase); err != nil {
			return nil, err
		}
	}
	signer, _, err := keys.Resolve(ctx, ref, keys.Options{
		Passphrase: func(ctx context.Context, what string) ([]byte, error) { return passphrase.Known(ctx, c, what) },
		Warn:       c.Warning,
	})

	return signer, err
}

// readMetadata reads a draft or a root that is not in a repository.
func readMetadata(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, publish.MaxFile+1))
	if err == nil && len(raw) > publish.MaxFile {
		err = fmt.Errorf("%w: %q has more than %d bytes", trust.ErrMalformed, name, publish.MaxFile)
	}

	return raw, err
}

// publicKeys reads one key or several from each file.
func publicKeys(files []string) ([]trust.Key, error) {
	var out []trust.Key
	for _, name := range files {
		file, err := keys.ReadFile(name)
		if err != nil {
			return nil, err
		}
		parsed, err := keys.ParsePublic(file.Data)
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", name, err)
		}
		for _, k := range parsed {
			out = append(out, k.Key)
		}
	}

	return out, nil
}

// keysFlag adds --key for commands that need several keys.
func keysFlag(cmd *cobra.Command, f *tufFlags, passphrase *term.PassphraseSource, usage string) {
	cmd.Flags().StringArrayVar(&f.refs, "key", nil, usage)
	f.addRoot(cmd)
	cmd.MarkFlagsMutuallyExclusive(passphrase.AddFlags(cmd.Flags(), "passphrase", "of the keys")...)
}

// explainTUF adds to an error what the user can do about it.
func explainTUF(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, publish.ErrNeedsKey):
		return term.WithHint(err, "give it with --key, or with --tuf-key where --key is for another role")
	case errors.Is(err, publish.ErrKey):
		return term.WithHint(err, "update-repo tuf status lists the keys of each role")
	case errors.Is(err, publish.ErrRequest):
		return term.Usage(err)
	case errors.Is(err, publish.ErrPinned):
		return term.WithHint(err, "either the metadata was exchanged, which is an attack, or --tuf-root is of another repository")
	case damagedMetadata(err):
		return term.WithHint(err, "update-repo tuf status reports the state of the metadata; download damaged files from where the repository is served")
	}

	return explain(err)
}

func damagedMetadata(err error) bool {
	for _, damage := range []error{
		publish.ErrMissing, fetch.ErrTooLarge, trust.ErrMalformed, trust.ErrMismatch,
		trust.ErrUnsigned, trust.ErrSignature, trust.ErrThreshold,
	} {
		if errors.Is(err, damage) {
			return true
		}
	}

	return false
}
