// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

const tufInitHelp = `Draft the first TUF metadata of a repository. It changes nothing for clients before
enough root holders have signed with update-repo tuf sign and update-repo tuf
refresh was run with the other keys.

--threshold root keys have to sign, now and at each later change. One of the other
keys is enough for its role. A key that is kept offline, of root or targets, cannot
be one that a machine uses. How long each signature is valid is signed too, so that
refresh needs no flags.`

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
	cmd := newCommand("init --root FILE... --threshold N --targets FILE --release FILE --online FILE [flags]", "Draft the first TUF metadata of a repository", tufInitHelp, tufInitExample, cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return o.run(ctx, c)
	})
	f := cmd.Flags()
	repoFlag(cmd, &o.repo)
	for _, k := range []struct {
		into *[]string
		name string
		of   string
	}{
		{&o.root, "root", "of a root holder"}, {&o.targets, "targets", "for targets, which delegates to the release key; kept offline"},
		{&o.release, "release", "that signs releases"}, {&o.online, "online", "for snapshot and timestamp"},
		{&o.snapshot, "snapshot", "for the snapshot, instead of --online"}, {&o.timestamp, "timestamp", "for the timestamp, instead of --online"},
	} {
		f.StringArrayVar(k.into, k.name, nil, "public key `FILE` "+k.of+"; may be given several times")
	}
	f.IntVar(&o.threshold, "threshold", 0, "number of root keys that have to sign")
	f.IntVar(&o.bins, "bins", publish.DefaultBins, "number `N` of files that the releases are spread over, a power of two up to 16384")
	v := publish.DefaultValidity()
	for i, d := range []time.Duration{v.Root, v.Targets, v.Bins, v.Snapshot, v.Timestamp} {
		o.expires[i].Duration = d
		f.Var(&o.expires[i], expiring[i]+"-expires", "`DURATION` for which signatures by the "+expiring[i]+" keys are valid")
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
			return term.Usagef("no public key given for %s (use --%s)", k.name, k.name)
		}
		var err error
		if *k.into, err = publicKeys(k.files); err != nil {
			return err
		}
	}
	if s.Threshold == 0 {
		return term.WithHint(term.Usagef("no number of root keys given that have to sign (use --threshold)"), "2 of 3 survives the loss of one key and the theft of one")
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
		c.Warning("all root keys have to sign: if one is lost, every client needs a new root, built into the program")
	}

	return printTUFChange(c, o.repo, out, o.json)
}
