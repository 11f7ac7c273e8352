// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/repository"
)

// printTUFChange prints what was written, where, and who signed it.
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
	if out.Already {
		fmt.Fprintln(c.Out, "done already: nothing was changed")
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
		fmt.Fprintf(c.Out, "%s: %d written\n", filepath.Join(repo, layout.MetadataDir, "*."+publish.Bins+"-*.json"), bins)
	}
	for _, name := range out.TakenOver {
		fmt.Fprintln(c.Out, term.Sanitize(name+": vouched for by the new keys"))
	}

	return nil
}

func printWritten(c *term.Console, repo string, w publish.Written) {
	fmt.Fprintln(c.Out, term.Sanitize(fmt.Sprintf("%s: version %d, until %s, signed by %s",
		filepath.Join(repo, layout.MetadataDir, w.File), w.Version, w.Expires.Format(time.RFC3339), strings.Join(w.Keys, ", "))))
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
		line("%s: needs the root to be published, then a signature of the targets key", at)
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

// printSummary prints what a key holder should read before signing.
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
