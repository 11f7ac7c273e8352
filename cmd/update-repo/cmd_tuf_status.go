// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/repository"
)

const tufStatusHelp = `Report the state of the TUF metadata as clients see it: the version of each role,
when it expires, which keys signed, how many keys may be lost before it cannot be
signed any longer, and how many have to be stolen before it can be forged. Drafts are
listed with the signatures that they need.

The exit code is 1 if clients refuse any of it, because it has expired or does not
verify.`

type tufStatusOptions struct {
	tufFlags
	repo string
	json bool
}

func tufStatusCommand(c *term.Console) *cobra.Command {
	o := &tufStatusOptions{}
	cmd := newCommand("status [flags]", "Report who signed, what expires when, and which drafts need signatures", tufStatusHelp, "", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return o.run(ctx, c)
	})
	repoFlag(cmd, &o.repo)
	o.addRoot(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "print the status as JSON")

	return cmd
}

func (o *tufStatusOptions) run(ctx context.Context, c *term.Console) error {
	r, err := waitingFor(repository.Open, c, o.repo)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	trusted, err := o.trustedRoot()
	if err != nil {
		return err
	}
	status, err := r.StatusTUF(ctx, time.Now(), trusted)
	if err != nil {
		return err
	}
	for _, w := range status.Warnings {
		c.Warning(w)
	}
	if o.json {
		err = printJSON(c, struct {
			Repository string `json:"repository"`
			OK         bool   `json:"ok"`
			*repository.TUFStatus
		}{o.repo, len(status.Faults) == 0, status})
	} else {
		err = printStatus(c, o.repo, status)
	}
	if err != nil || len(status.Faults) == 0 {
		return err
	}

	faults := "1 fault"
	if n := len(status.Faults); n != 1 {
		faults = fmt.Sprintf("%d faults", n)
	}

	return fmt.Errorf("clients refuse the metadata: %s", faults)
}

func printStatus(c *term.Console, repo string, s *repository.TUFStatus) error {
	w := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	if len(s.Roles) > 0 {
		_, _ = fmt.Fprintln(w, "ROLE\tVERSION\tEXPIRES\tSIGNED BY\tMAY BE LOST\tTO BE STOLEN")
	}
	for _, r := range s.Roles {
		expires := r.Expires.Format(time.RFC3339)
		if r.Due {
			expires += " (refresh)"
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t%s\t%d of %d keys\t%d\t%d\n", r.Role, r.Version, expires, len(r.Signed), len(r.Keys), r.MayBeLost, r.Threshold)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range s.Roles {
		for _, id := range r.Keys {
			did := "signed"
			if !slices.Contains(r.Signed, id) {
				did = "did not sign"
			}
			fmt.Fprintln(c.Out, term.Sanitize(fmt.Sprintf("%s key %s %s", r.Role, id, did)))
		}
	}
	for _, d := range s.Drafts {
		printDraft(c, repo, d, true)
	}
	for _, f := range s.Faults {
		fmt.Fprintln(c.Out, term.Sanitize(fmt.Sprintf("fault  %s: %s", f.Check, f.Message)))
	}

	return nil
}
