// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

const tufInitHelp = `Draft the first TUF metadata of a repository. Nothing is different for clients
before enough root holders have signed with update-repo tuf sign, and update-repo
tuf refresh was run with the other keys.

Of the root keys --threshold have to sign, now and at each later change. Of the
other keys one is enough. A key that is kept offline, of root or targets, cannot
be one that a machine uses. How long each signature is good for is signed, too,
so that refresh needs no flags.`

const tufInitExample = `  update-repo tuf init --repo repo --root alice.pub --root bob.pub --threshold 2 \
    --targets targets.pub --release release.pub --online online.pub`

type tufInitOptions struct {
	repo                                                string
	root, targets, release, online, snapshot, timestamp []string
	threshold, bins                                     int
	expires                                             [5]validity // in the order of roles
	json                                                bool
}

// expiring are the roles in the order of tufInitOptions.expires.
var expiring = [5]string{publish.Root, publish.Targets, "release", publish.Snapshot, publish.Timestamp}

func tufInitCommand(c *term.Console) *cobra.Command {
	o := &tufInitOptions{}
	cmd := &cobra.Command{
		Use:     "init --root FILE... --threshold N --targets FILE --release FILE --online FILE [flags]",
		Short:   "Draft the first TUF metadata of a repository",
		Long:    tufInitHelp,
		Example: tufInitExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return explainTUF(o.run(cmd.Context(), c))
		},
		DisableFlagsInUseLine: true,
	}
	f := cmd.Flags()
	repoFlag(cmd, &o.repo)
	for _, k := range []struct {
		into *[]string
		name string
		of   string
	}{
		{&o.root, "root", "of a root holder"}, {&o.targets, "targets", "of who delegates to release keys, offline"},
		{&o.release, "release", "that releases are signed with"}, {&o.online, "online", "for snapshot and timestamp"},
		{&o.snapshot, "snapshot", "for the snapshot, instead of --online"}, {&o.timestamp, "timestamp", "for the timestamp, instead of --online"},
	} {
		f.StringArrayVar(k.into, k.name, nil, "the public key in `FILE` is one "+k.of+"; may be given several times")
	}
	f.IntVar(&o.threshold, "threshold", 0, "how many root keys have to sign")
	f.IntVar(&o.bins, "bins", publish.DefaultBins, "spread the releases over `N` files, a power of two up to 16384")
	v := publish.DefaultValidity()
	for i, d := range []time.Duration{v.Root, v.Targets, v.Bins, v.Snapshot, v.Timestamp} {
		o.expires[i].Duration = d
		f.Var(&o.expires[i], expiring[i]+"-expires", "what the "+expiring[i]+" keys sign is good for `DURATION`")
	}
	f.BoolVar(&o.json, "json", false, "print the drafts as JSON")

	return cmd
}

func (o *tufInitOptions) run(ctx context.Context, c *term.Console) error {
	if o.snapshot == nil {
		o.snapshot = o.online
	}
	if o.timestamp == nil {
		o.timestamp = o.online
	}
	s := publish.Setup{
		Threshold: o.threshold, Bins: o.bins, Now: time.Now(),
		Validity: publish.Validity{
			Root: o.expires[0].Duration, Targets: o.expires[1].Duration, Bins: o.expires[2].Duration,
			Snapshot: o.expires[3].Duration, Timestamp: o.expires[4].Duration,
		},
	}
	for _, k := range []struct {
		name  string
		files []string
		into  *[]trust.Key
	}{
		{"root", o.root, &s.Root}, {"targets", o.targets, &s.Targets}, {"release", o.release, &s.Release},
		{"online", o.snapshot, &s.Snapshot}, {"online", o.timestamp, &s.Timestamp},
	} {
		if len(k.files) == 0 {
			return term.Usagef("the public key for %s is missing: say --%s", k.name, k.name)
		}
		var err error
		if *k.into, err = publicKeys(k.files); err != nil {
			return err
		}
	}
	if s.Threshold == 0 {
		return term.WithHint(term.Usagef("how many root keys have to sign is missing: say --threshold"), "2 of 3 survives the loss of one key, and the theft of one")
	}
	r, err := repository.Create(o.repo)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	out, err := r.InitTUF(ctx, s)
	if err != nil {
		return err
	}
	if s.Threshold == len(s.Root) {
		c.Warning("all root keys have to sign: when one is lost, the repository has to begin anew with every client")
	}

	return printTUFChange(c, o.repo, out, o.json)
}

const tufRotateHelp = `Draft the next version of a role's keys. ROLE is root, targets, snapshot,
timestamp, online for the latter two, or release. Several changes of the root can
be collected in one draft before it is signed.

Without --add, --remove and --threshold the next version says the same and
expires later: so root is renewed.

A draft of the root is signed by the thresholds of the old and the new root. A
draft for release is targets metadata, and signed by a targets key, here with
--key or with update-repo tuf sign. What depends on it is signed with the keys
that --key gives, or by update-repo tuf refresh.`

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
	cmd := &cobra.Command{
		Use:       "rotate ROLE [--add FILE]... [--remove KEYID]... [flags]",
		Short:     "Draft a change of keys, or a renewal",
		Long:      tufRotateHelp,
		Example:   tufRotateExample,
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"root", "targets", "snapshot", "timestamp", "online", "release"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return explainTUF(o.run(cmd.Context(), c, args[0]))
		},
		DisableFlagsInUseLine: true,
	}
	repoFlag(cmd, &o.repo)
	f := cmd.Flags()
	f.StringArrayVar(&o.plus, "add", nil, "the public key in `FILE` is one of the role; may be given several times")
	f.StringArrayVar(&o.less, "remove", nil, "the key `KEYID` is none of the role any longer: its id, 8 characters of that, or its file; may be given several times")
	f.IntVar(&o.threshold, "threshold", 0, "`N` keys of the role have to sign from now on")
	keysFlag(cmd, &o.tufFlags, &o.passphrase, "sign with the private key `REF` of targets, and what depends on it with those of the other roles; may be given several times")
	f.BoolVar(&o.json, "json", false, "print the draft as JSON")

	return cmd
}

var keyID = regexp.MustCompile(`^[0-9a-f]{8,64}$`)

func (o *tufRotateOptions) run(ctx context.Context, c *term.Console, role string) error {
	rotation := publish.Rotation{Roles: rotations[role], Threshold: o.threshold, Now: time.Now()}
	if rotation.Roles == nil {
		return term.Usagef("there is no role %q: it is root, targets, snapshot, timestamp, online or release", role)
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
	r, err := openTUF(c, o.repo)
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

// replaceFile writes a file that is there anew, whole or not at all.
func replaceFile(name string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".update-repo-*")
	if err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	for _, step := range []func() error{func() error { return f.Chmod(0o644) }, f.Sync, f.Close} {
		if serr := step(); err == nil {
			err = serr
		}
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}

	return err
}
