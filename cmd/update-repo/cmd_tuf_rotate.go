// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/repository"
)

const tufRotateHelp = `Draft a change of a role's keys. ROLE is root, targets, snapshot, timestamp, online
for the latter two, or release. Several changes of the root can be made in one draft
before it is signed.

Without --add, --remove and --threshold the next version says the same and expires
later: that renews root.

The thresholds of the old and the new root sign a draft of the root. A draft for
release is targets metadata: a targets key signs it, here with --key or with
update-repo tuf sign. Metadata that depends on it is signed with the other keys of
--key, or by update-repo tuf refresh.

It writes metadata/root.draft.json, or metadata/targets.draft.json for release.`

const tufRotateExample = `  update-repo tuf rotate root --repo repo --remove 3f2a9c41 --add dave.pub
  update-repo tuf rotate online --repo repo --remove 77e0b1c2 --add online2.pub
  update-repo tuf rotate release --repo repo --remove 5d11aa09 --add release2.pub --key targets.key`

type tufRotateOptions struct {
	tufFlags
	repo       string
	plus, less []string
	threshold  int
	json       bool
	passphrase term.PassphraseSource
}

var rotations = map[string][]string{
	"root": {publish.Root}, "targets": {publish.Targets}, "snapshot": {publish.Snapshot}, "timestamp": {publish.Timestamp},
	"online": {publish.Snapshot, publish.Timestamp}, "release": {publish.Bins},
}

func tufRotateCommand(c *term.Console) *cobra.Command {
	o := &tufRotateOptions{}
	cmd := newCommand("rotate ROLE [--add FILE]... [--remove KEYID]... [flags]", "Draft a change of keys, or a renewal", tufRotateHelp, tufRotateExample, cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		return o.run(ctx, c, args[0])
	})
	cmd.ValidArgs = []string{"root", "targets", "snapshot", "timestamp", "online", "release"}
	repoFlag(cmd, &o.repo)
	f := cmd.Flags()
	f.StringArrayVar(&o.plus, "add", nil, "add the public key in `FILE` to the role; may be given several times")
	f.StringArrayVar(&o.less, "remove", nil, "remove the key `KEYID` from the role: its id, 8 characters of that, or its public key file; may be given several times")
	f.IntVar(&o.threshold, "threshold", 0, "number `N` of the role's keys that have to sign from now on")
	keysFlag(cmd, &o.tufFlags, &o.passphrase, "sign with the private key `REF` of targets, or of another role for metadata that depends on it; may be given several times")
	f.BoolVar(&o.json, "json", false, "print the draft as JSON")

	return cmd
}

var keyID = regexp.MustCompile(`^[0-9a-f]{8,64}$`)

func (o *tufRotateOptions) run(ctx context.Context, c *term.Console, role string) error {
	rotation := publish.Rotation{Roles: rotations[role], Threshold: o.threshold, Now: time.Now()}
	if rotation.Roles == nil {
		return term.Usagef("there is no role %q; use root, targets, snapshot, timestamp, online or release", role)
	}
	var err error
	if rotation.Add, err = publicKeys(o.plus); err != nil {
		return err
	}
	for _, less := range o.less {
		if keyID.MatchString(less) {
			rotation.Remove = append(rotation.Remove, less)
			continue
		}
		removed, err := publicKeys([]string{less})
		if err != nil {
			return err
		}
		for _, k := range removed {
			rotation.Remove = append(rotation.Remove, publish.KeyID(k))
		}
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
	out, err := r.RotateTUF(ctx, keys, rotation)
	if err != nil {
		return err
	}

	return printTUFChange(c, o.repo, out, o.json)
}
