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
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

const tufHelp = `Make and maintain TUF metadata, so that the repository also serves clients of The
Update Framework 1.0: such clients survive the theft of keys that are online.

Root keys and the targets key are kept offline; of the root keys several have to
sign. The release key, which signs releases, signs their entries in the metadata
too. The online key signs, every day or so, what the present state is.

Once there is metadata, update-repo add, sign and cosign keep it current.`

func tufCommand(c *term.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tuf",
		Short: "Make and maintain TUF metadata",
		Long:  tufHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return term.WithHint(term.Usagef("a command is missing"), cmd.CommandPath()+" --help lists them")
		},
	}
	cmd.AddCommand(tufInitCommand(c), tufSignCommand(c), tufRotateCommand(c), tufRefreshCommand(c), tufStatusCommand(c))

	return cmd
}

// tufFlags are the keys that keep metadata current, and whose it has to be.
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

// tuf resolves the keys. An encrypted one gets the passphrase of the others, or
// is asked for it.
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

// resolve finds a private key to change r with, or nil if there is no repository.
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

// readMetadata reads a draft or a root outside of the repository.
func readMetadata(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, publish.MaxFile+1))
	if err == nil && len(raw) > publish.MaxFile {
		err = fmt.Errorf("%w: %q has more than %d bytes", publish.ErrMalformed, name, publish.MaxFile)
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

// open opens the repository for a change of its metadata.
func openTUF(c *term.Console, dir string) (*repository.Repository, error) {
	r, err := repository.Open(dir)
	if err != nil {
		return nil, err
	}
	r.OnWait(func() { c.Warning("another update-repo is at work in this repository: waiting for it") })

	return r, nil
}

// explainTUF adds to an error what the user can do about it.
func explainTUF(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, publish.ErrNeedsKey):
		return term.WithHint(err, "give it with --key, or with --tuf-key where --key is for something else")
	case errors.Is(err, publish.ErrKey):
		return term.WithHint(err, "update-repo tuf status lists the keys of each role")
	case errors.Is(err, publish.ErrRequest):
		return term.Usage(err)
	case errors.Is(err, publish.ErrPinned):
		return term.WithHint(err, "somebody has exchanged the metadata, or --tuf-root is of another repository")
	case errors.Is(err, publish.ErrMissing), errors.Is(err, publish.ErrMismatch), errors.Is(err, publish.ErrMalformed), errors.Is(err, publish.ErrSignatures):
		return term.WithHint(err, "update-repo tuf status tells how the metadata stands; what is damaged can be fetched from where the repository is served")
	}

	return explain(err)
}

const tufRefreshHelp = `Sign what is missing in the TUF metadata, does not fit the repository, or has less
than a third of its life left; and nothing else. Run it daily with the online
key, from cron or CI.

With the release key too, releases that it signed and that the metadata lacks
get into it. With --drop-missing, those that are not in the repository any longer
are taken out. After a change of the release key all releases are compared with
the repository before the new key vouches for them.`

const tufRefreshExample = `  update-repo tuf refresh --repo repo --key online.key
  update-repo tuf refresh --repo repo --key env:RELEASE_KEY --key env:ONLINE_KEY`

type tufRefreshOptions struct {
	tufFlags
	repo       string
	json, drop bool
	lost       bool
	passphrase term.PassphraseSource
}

func tufRefreshCommand(c *term.Console) *cobra.Command {
	o := &tufRefreshOptions{}
	cmd := &cobra.Command{
		Use:     "refresh --key REF... [flags]",
		Short:   "Sign what is missing, changed or about to expire",
		Long:    tufRefreshHelp,
		Example: tufRefreshExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return explainTUF(o.run(cmd.Context(), c))
		},
		DisableFlagsInUseLine: true,
	}
	repoFlag(cmd, &o.repo)
	keysFlag(cmd, &o.tufFlags, &o.passphrase, "sign with the private key `REF` of targets, release, snapshot or timestamp; may be given several times")
	cmd.Flags().BoolVar(&o.drop, "drop-missing", false, "take releases out of the metadata that are not in the repository any longer")
	cmd.Flags().BoolVar(&o.lost, "lost-timestamp", false, "make a timestamp.json anew that is nowhere to be had any more, not even where the repository is served")
	cmd.Flags().BoolVar(&o.json, "json", false, "print what was written as JSON")

	return cmd
}

// keysFlag is --key where several keys may be needed.
func keysFlag(cmd *cobra.Command, f *tufFlags, passphrase *term.PassphraseSource, usage string) {
	cmd.Flags().StringArrayVar(&f.refs, "key", nil, usage)
	f.addRoot(cmd)
	cmd.MarkFlagsMutuallyExclusive(passphrase.AddFlags(cmd.Flags(), "passphrase", "of the keys")...)
}

func (o *tufRefreshOptions) run(ctx context.Context, c *term.Console) error {
	if len(o.refs) == 0 {
		return term.Usagef("which key to sign with is missing: say --key")
	}
	r, err := openTUF(c, o.repo)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	keys, err := o.tuf(ctx, c, r, &o.passphrase)
	if err != nil {
		return err
	}
	out, err := r.RefreshTUF(ctx, repository.RefreshTUFRequest{TUF: keys, Now: time.Now(), DropMissing: o.drop, LostTimestamp: o.lost})
	if err != nil {
		return err
	}

	return printTUFChange(c, o.repo, out, o.json)
}
