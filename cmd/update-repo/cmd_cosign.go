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

const cosignHelp = `Add a signature to published releases: to all of them, or to those that the flags
select. Clients that require two signatures then accept them.

A cosigner vouches for the release that was signed before. So the releases and
their artifacts are verified first, with the public keys of their signers.`

const cosignExample = `  update-repo cosign --repo repo --key second.key --public-key release.pub`

type cosignOptions struct {
	publishFlags
	filterFlags
	public publicKeyFlags
}

func cosignCommand(c *term.Console) *cobra.Command {
	o := &cosignOptions{}
	cmd := newCommand("cosign --key REF --public-key FILE [flags]", "Add a signature to published releases", cosignHelp, cosignExample, cobra.NoArgs,
		func(ctx context.Context, _ []string) error { return o.run(ctx, c) })
	o.publishFlags.add(cmd)
	o.filterFlags.add(cmd, "cosign")
	o.public.add(cmd)

	return cmd
}

func (o *cosignOptions) run(ctx context.Context, c *term.Console) error {
	if o.key.ref == "" {
		return errNoKey
	}
	policy, err := o.public.policy()
	if err != nil {
		return err
	}
	if policy == nil {
		return term.Usagef("no public key given (use --public-key with the keys that signed the releases)")
	}

	return o.publish(ctx, c, "already cosigned", repository.Open, func(r *repository.Repository, signer signature.Signer, tuf repository.TUF) ([]repository.Published, error) {
		return r.Cosign(ctx, repository.CosignRequest{Filter: o.Filter, Signer: signer, Now: time.Now(), Policy: policy, TUF: tuf})
	})
}
