// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/repository"
)

const tufStatusHelp = `Tell how the TUF metadata stands: the version of each role, when it expires, who
signed, how many of its keys may be lost before it cannot be signed any longer,
and how many have to be stolen before it can be forged; and which drafts wait for
whose signature.

The exit code is 1 when clients refuse any of it, because it has expired or
cannot be verified.`

type tufStatusOptions struct {
	tufFlags
	repo string
	json bool
}

func tufStatusCommand(c *term.Console) *cobra.Command {
	o := &tufStatusOptions{}
	cmd := &cobra.Command{
		Use:   "status [flags]",
		Short: "Tell who signed, what expires when, and what waits",
		Long:  tufStatusHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return explainTUF(o.run(cmd.Context(), c))
		},
		DisableFlagsInUseLine: true,
	}
	repoFlag(cmd, &o.repo)
	o.addRoot(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "print the status as JSON")

	return cmd
}

func (o *tufStatusOptions) run(ctx context.Context, c *term.Console) error {
	r, err := openTUF(c, o.repo)
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

// printTUFChange says what was written, where, and who signed it.
func printTUFChange(c *term.Console, repo string, out *repository.TUFChange, asJSON bool) error {
	return printChange(c, repo, out, asJSON, true)
}

func printChange(c *term.Console, repo string, out *repository.TUFChange, asJSON, summary bool) error {
	for _, w := range out.Warnings {
		c.Warning(w)
	}
	if asJSON {
		return printJSON(c, struct {
			Repository string `json:"repository,omitempty"`
			*repository.TUFChange
		}{repo, out})
	}
	for _, d := range out.Drafts {
		printDraft(c, repo, d, summary)
	}
	bins := 0
	for _, w := range out.Written {
		if strings.HasPrefix(w.Role, publish.Bins) {
			bins++
			continue
		}
		printWritten(c, repo, w)
	}
	if bins > 0 {
		fmt.Fprintf(c.Out, "%s: %d written\n", filepath.Join(repo, publish.Dir, "*."+publish.Bins+"-*.json"), bins)
	}
	for _, name := range out.TakenOver {
		fmt.Fprintln(c.Out, term.Sanitize(name+": vouched for, as other keys did before"))
	}

	return nil
}

func printWritten(c *term.Console, repo string, w publish.Written) {
	fmt.Fprintln(c.Out, term.Sanitize(fmt.Sprintf("%s: version %d, until %s, signed by %s",
		filepath.Join(repo, publish.Dir, w.File), w.Version, w.Expires.Format(time.RFC3339), strings.Join(w.Keys, ", "))))
}

func printDraft(c *term.Console, repo string, d repository.TUFDraft, summary bool) {
	if summary {
		printSummary(c, d.Summary)
	}
	line := func(format string, args ...any) {
		fmt.Fprintln(c.Out, term.Sanitize(fmt.Sprintf(format, args...)))
	}
	if d.Published != "" {
		line("%s: published", filepath.Join(repo, filepath.FromSlash(d.Published)))
		return
	}
	at := filepath.Join(repo, filepath.FromSlash(d.File))
	if len(d.Progress) == 0 {
		line("%s: waits for the root, then for the targets key", at)
	}
	for _, p := range d.Progress {
		line("%s: %d of %d signatures for %s", at, len(p.Signed), p.Threshold, p.Of)
		for _, id := range p.Signed {
			line("  signed by %s", id)
		}
		if !p.Done() {
			for _, id := range p.Missing {
				line("  not signed by %s", id)
			}
		}
	}
}

// printSummary is what a key holder reads before signing.
func printSummary(c *term.Console, s publish.Summary) {
	line := func(format string, args ...any) {
		fmt.Fprintln(c.Out, term.Sanitize(fmt.Sprintf(format, args...)))
	}
	line("%s, version %d, until %s", s.Role, s.Version, s.Expires.Format(time.RFC3339))
	if s.Bins > 0 {
		line("  all releases are in %d bins", s.Bins)
	}
	for _, r := range s.Roles {
		line("  %s: %d of %d keys, for %s", r.Role, r.Threshold, len(r.Keys), publish.FormatValidity(r.Validity))
		for _, k := range r.Keys {
			line("    %s, fingerprint %s", k.ID, k.Fingerprint)
		}
		for _, change := range r.Changes {
			line("    change: %s", change)
		}
	}
}
