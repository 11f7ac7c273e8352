// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/repository"
)

var errNoKey = term.Usagef("no signing key given (use --key)")

// publishFlags are those of the commands that publish or sign releases.
type publishFlags struct {
	repo string
	json bool
	key  keyFlags
	tuf  tufFlags
}

func (f *publishFlags) add(cmd *cobra.Command) {
	repoFlag(cmd, &f.repo)
	f.key.add(cmd)
	f.tuf.add(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "print the releases as JSON")
}

// waitingFor opens a repository that reports when it waits for another process.
func waitingFor(open func(dir string) (*repository.Repository, error), c *term.Console, dir string) (*repository.Repository, error) {
	r, err := open(dir)
	if err == nil {
		r.OnWait(func() { c.Warning("waiting for another update-repo that is changing this repository") })
	}

	return r, err
}

// publish opens the repository and the keys, calls change, and prints its result. done is
// what a release is on which nothing was to be done.
func (f *publishFlags) publish(ctx context.Context, c *term.Console, done string, open func(dir string) (*repository.Repository, error),
	change func(*repository.Repository, signature.Signer, repository.TUF) ([]repository.Published, error),
) error {
	r, err := waitingFor(open, c, f.repo)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	signer, err := f.key.signer(ctx, c, r)
	if err != nil {
		return err
	}
	tuf, err := f.tuf.tuf(ctx, c, r, &f.key.passphrase)
	if err != nil {
		return err
	}
	out, err := change(r, signer, tuf)
	if err != nil {
		return err
	}

	return printPublished(c, f.repo, out, done, f.json)
}

// printPublished prints which files were written, and their fingerprints.
func printPublished(c *term.Console, repo string, out []repository.Published, done string, asJSON bool) error {
	for _, p := range out {
		for _, w := range p.Warnings {
			c.Warning(p.Location.String() + ": " + w)
		}
	}
	if asJSON {
		return printJSON(c, map[string]any{"repository": repo, "releases": out})
	}
	for _, p := range out {
		by := "not signed"
		if p.Key != "" {
			by = "signed by " + p.Key
		}
		if p.Already {
			by = done + ", " + by
		}
		document := filepath.Join(repo, filepath.FromSlash(p.Document))
		lines := []string{fmt.Sprintf("%s %s: binary sha256 %s, %s", p.Name, p.Location, p.Hash, term.Bytes(p.Size))}
		for _, a := range p.Artifacts {
			lines = append(lines, fmt.Sprintf("  %s: %s", filepath.Join(filepath.Dir(document), filepath.FromSlash(a.Path)), term.Bytes(a.Size)))
		}
		lines = append(lines, fmt.Sprintf("  %s: %s, expires %s", document, by, p.Expires.Format(time.RFC3339)))
		if err := printLines(c, lines); err != nil {
			return err
		}
	}

	return nil
}

// printLines prints lines that may contain text of a document.
func printLines(c *term.Console, lines []string) error {
	for _, l := range lines {
		if _, err := fmt.Fprintln(c.Out, term.Sanitize(l)); err != nil {
			return err
		}
	}

	return nil
}

func printJSON(c *term.Console, data any) error {
	enc := json.NewEncoder(c.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)

	return enc.Encode(data)
}
