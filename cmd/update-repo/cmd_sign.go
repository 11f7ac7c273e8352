// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/repository"
)

const signHelp = `Sign published releases: all of them, or those that the flags select.

Every artifact is checked against its document first, because the signature covers
its hash. If a release had no signature, a warning says so: an attacker may have
put it there. Documents of version 0.1.0, which contain only a hash, become
documents of format 1. With --expires, releases get a new time of expiry, which
removes their cosignatures.`

const signExample = `  update-repo sign --repo repo --key release.key
  update-repo sign --repo repo --version 1.2.3 --key release.key --expires 365d`

type signOptions struct {
	publishFlags
	filterFlags
	name    string
	force   bool
	expires validity
}

func signCommand(c *term.Console) *cobra.Command {
	o := &signOptions{}
	var cmd *cobra.Command
	cmd = newCommand("sign --key REF [flags]", "Sign published releases", signHelp, signExample, cobra.NoArgs,
		func(ctx context.Context, _ []string) error { return o.run(ctx, c, cmd.Flags().Changed("expires")) })
	o.publishFlags.add(cmd)
	o.filterFlags.add(cmd, "sign")
	o.expires.add(cmd)
	cmd.Flags().StringVar(&o.name, "name", "", "`NAME` of the product, for documents of version 0.1.0")
	cmd.Flags().BoolVar(&o.force, "force", false, "replace the signature of another key")

	return cmd
}

func (o *signOptions) run(ctx context.Context, c *term.Console, renew bool) error {
	if o.key.ref == "" {
		return errNoKey
	}
	now := time.Now()
	date, err := releaseDate(now)
	if err != nil {
		return err
	}

	return o.publish(ctx, c, "already signed", repository.Open, func(r *repository.Repository, signer signature.Signer, tuf repository.TUF) ([]repository.Published, error) {
		return r.Sign(ctx, repository.SignRequest{
			Filter: o.Filter, Signer: signer, Now: now, Released: date, Expires: date.Add(o.expires.Duration),
			Renew: renew, Name: o.name, Force: o.force, TUF: tuf,
		})
	})
}
