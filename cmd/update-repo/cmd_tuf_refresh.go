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

const tufRefreshHelp = `Sign TUF metadata that is missing, differs from the repository, or has less than a
third of its validity left, and nothing else. Run it daily with the online key, from
cron or CI.

With the release key, releases that it signed are added if the metadata lacks them.
--drop-missing removes those that are not in the repository any longer. After a
change of the release key, all releases are compared with the repository before the
new key vouches for them.`

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
	cmd := newCommand("refresh --key REF... [flags]", "Sign what is missing, changed or about to expire", tufRefreshHelp, tufRefreshExample, cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return o.run(ctx, c)
	})
	repoFlag(cmd, &o.repo)
	keysFlag(cmd, &o.tufFlags, &o.passphrase, "sign with the private key `REF` of targets, release, snapshot or timestamp; may be given several times")
	cmd.Flags().BoolVar(&o.drop, "drop-missing", false, "remove releases from the metadata that are not in the repository any longer")
	cmd.Flags().BoolVar(&o.lost, "lost-timestamp", false, "make a new timestamp.json; only if no copy of it exists, not even where the repository is served")
	cmd.Flags().BoolVar(&o.json, "json", false, "print what was written as JSON")

	return cmd
}

func (o *tufRefreshOptions) run(ctx context.Context, c *term.Console) error {
	if len(o.refs) == 0 {
		return term.Usagef("no signing key given (use --key)")
	}
	r, err := waitingFor(repository.Open, c, o.repo)
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
