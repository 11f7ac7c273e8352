// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/repository"
)

const signHelp = `Sign releases that are published: all of them, or those that the flags select.

Before the key is used, every artifact is checked against its document, since
the signature vouches for both. A release that nobody had signed is told of: it
may have been put there for the next one who signs. Documents of version 0.1.0,
which hold only a hash, become documents of format 1. With --expires the
releases get a new term, and lose the cosignatures of the old one.`

const signExample = `  update-repo sign --repo repo --key release.key
  update-repo sign --repo repo --version 1.2.3 --key release.key --expires 365d`

type signOptions struct {
	filterFlags
	repo, name  string
	force, json bool
	expires     validity
	key         keyFlags
	tuf         tufFlags
}

func signCommand(c *term.Console) *cobra.Command {
	o := &signOptions{}
	cmd := &cobra.Command{
		Use:     "sign --key REF [flags]",
		Short:   "Sign releases that are published",
		Long:    signHelp,
		Example: signExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return explainTUF(o.run(cmd.Context(), c, cmd.Flags().Changed("expires")))
		},
		DisableFlagsInUseLine: true,
	}
	repoFlag(cmd, &o.repo)
	o.filterFlags.add(cmd, "sign")
	o.key.add(cmd)
	o.tuf.add(cmd)
	o.expires.add(cmd)
	cmd.Flags().StringVar(&o.name, "name", "", "the product of documents of version 0.1.0 is called `NAME`")
	cmd.Flags().BoolVar(&o.force, "force", false, "replace the signature of another key")
	cmd.Flags().BoolVar(&o.json, "json", false, "print what was signed as JSON")

	return cmd
}

func (o *signOptions) run(ctx context.Context, c *term.Console, renew bool) error {
	r, err := openToSign(c, o.repo, o.key.ref)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	now := time.Now()
	date, err := released(now)
	if err != nil {
		return err
	}
	signer, err := o.key.signer(ctx, c, r)
	if err != nil {
		return err
	}
	keys, err := o.tuf.tuf(ctx, c, r, &o.key.passphrase)
	if err != nil {
		return err
	}
	out, err := r.Sign(ctx, repository.SignRequest{
		Filter: o.Filter, Signer: signer, Now: now, Released: date, Expires: date.Add(o.expires.Duration),
		Renew: renew, Name: o.name, Force: o.force, TUF: keys,
	})
	if err != nil {
		return err
	}

	return printPublished(c, o.repo, out, o.json)
}

const cosignHelp = `Add a signature to releases that are published and signed: all of them, or those
that the flags select. Clients that ask for two signatures accept them then.

A cosigner vouches for the release that was signed. So that he does not sign
something else, the releases are verified first, with the public key of who
signed them, and their artifacts as well.`

const cosignExample = `  update-repo cosign --repo repo --key second.key --public-key release.pub`

type cosignOptions struct {
	filterFlags
	repo   string
	json   bool
	key    keyFlags
	tuf    tufFlags
	public publicKeyFlags
}

func cosignCommand(c *term.Console) *cobra.Command {
	o := &cosignOptions{}
	cmd := &cobra.Command{
		Use:     "cosign --key REF --public-key FILE [flags]",
		Short:   "Add a signature to releases that are published and signed",
		Long:    cosignHelp,
		Example: cosignExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return explainTUF(o.run(cmd.Context(), c))
		},
		DisableFlagsInUseLine: true,
	}
	repoFlag(cmd, &o.repo)
	o.filterFlags.add(cmd, "cosign")
	o.key.add(cmd)
	o.tuf.add(cmd)
	o.public.add(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "print what was cosigned as JSON")

	return cmd
}

func (o *cosignOptions) run(ctx context.Context, c *term.Console) error {
	policy, err := o.public.policy()
	if err != nil {
		return err
	}
	if policy == nil {
		return term.WithHint(term.Usagef("whose signature to look for is not known"), "say --public-key with the key of who signed before")
	}
	r, err := openToSign(c, o.repo, o.key.ref)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	signer, err := o.key.signer(ctx, c, r)
	if err != nil {
		return err
	}
	keys, err := o.tuf.tuf(ctx, c, r, &o.key.passphrase)
	if err != nil {
		return err
	}
	out, err := r.Cosign(ctx, repository.CosignRequest{Filter: o.Filter, Signer: signer, Now: time.Now(), Policy: policy, TUF: keys})
	if err != nil {
		return err
	}

	return printPublished(c, o.repo, out, o.json)
}

func openToSign(c *term.Console, dir, key string) (*repository.Repository, error) {
	if key == "" {
		return nil, term.Usagef("which key to sign with is missing: say --key")
	}
	r, err := repository.Open(dir)
	if err != nil {
		return nil, err
	}
	r.OnWait(func() { c.Warning("another update-repo is at work in this repository: waiting for it") })

	return r, nil
}
