// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/repository"
)

const verifyHelp = `Verify releases as a client does: every document, its signatures and every
artifact. In a local repository, all releases are verified, or those that the
flags select. If --repo is an http, https or file URL, what clients download is
verified; --version is required then, and without --os and --arch every platform
is tried. TUF metadata, if there is any, is verified too: all of it, and that TUF
clients see the same releases.

A server that wants credentials gets them with --header, which is sent to no other
server.

The exit code is 1 if a client would refuse any of the releases. By default this
is a client without Product and MaxSize; set them with --name and --max-size.`

const verifyExample = `  update-repo verify --repo repo --public-key release.pub
  update-repo verify --repo https://example.com/repo --version 1.2.3 --public-key release.pub --public-key second.pub --threshold 2
  update-repo verify --repo https://example.com/private --version 1.2.3 --public-key release.pub --header env:AUTHORIZATION`

type verifyOptions struct {
	filterFlags
	repo           string
	name           string
	maxSize        int64
	insecure, json bool
	public         publicKeyFlags
	tuf            tufFlags
	header         headerFlag
}

func verifyCommand(c *term.Console) *cobra.Command {
	o := &verifyOptions{}
	cmd := newCommand("verify {--public-key FILE... | --insecure-unsigned} [flags]", "Verify releases as a client does", verifyHelp, verifyExample, cobra.NoArgs,
		func(ctx context.Context, _ []string) error { return o.run(ctx, c) })
	cmd.Flags().StringVar(&o.repo, "repo", ".", "the repository is in `DIR`, or at a URL")
	o.filterFlags.add(cmd, "verify")
	o.public.add(cmd)
	o.tuf.addRoot(cmd)
	o.header.add(cmd)
	cmd.Flags().StringVar(&o.name, "name", "", "verify for clients whose Product is `NAME`")
	cmd.Flags().Int64Var(&o.maxSize, "max-size", 0, "verify for clients whose MaxSize is `BYTES`")
	cmd.Flags().BoolVar(&o.insecure, "insecure-unsigned", false, "accept releases without a signature")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the report as JSON")

	return cmd
}

func (o *verifyOptions) run(ctx context.Context, c *term.Console) error {
	policy, err := o.public.policy()
	if err != nil {
		return err
	}
	if policy == nil && !o.insecure {
		return term.Usagef("no public key given (use --public-key, or --insecure-unsigned to check only hashes)")
	}
	root, err := o.tuf.trustedRoot()
	if err != nil {
		return err
	}
	header, err := o.header.headers(c)
	if err != nil {
		return err
	}
	report, err := o.verify(ctx, repository.VerifyRequest{
		Filter: o.Filter, Policy: policy, InsecureUnsigned: o.insecure, Now: time.Now(), TrustedRoot: root,
		Name: o.name, MaxSize: o.maxSize, Header: header,
	})
	if err != nil {
		return o.explain(err)
	}
	if err := o.print(c, report); err != nil || report.OK() {
		return err
	}
	if report.Metadata != nil && !report.Metadata.OK() {
		return fmt.Errorf("clients refuse the TUF metadata: %d faults", len(report.Metadata.Faults))
	}
	bad := 0
	for _, r := range report.Releases {
		if len(r.Faults) > 0 {
			bad++
		}
	}

	return fmt.Errorf("clients refuse %d of %d releases", bad, len(report.Releases))
}

func (o *verifyOptions) verify(ctx context.Context, req repository.VerifyRequest) (*repository.Report, error) {
	if strings.Contains(o.repo, "://") {
		return o.verifyURL(ctx, req)
	}
	if len(req.Header) > 0 {
		return nil, term.Usagef("--header needs the URL of a server (use --repo)")
	}
	r, err := repository.Open(o.repo)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()

	return r.Verify(ctx, req)
}

func (o *verifyOptions) verifyURL(ctx context.Context, req repository.VerifyRequest) (*repository.Report, error) {
	base, err := layout.ParseURL(o.repo)
	if err != nil {
		return nil, term.Usagef("--repo: %w", err)
	}
	if len(req.Header) > 0 && base.Scheme == "file" {
		return nil, term.Usagef("--header needs the URL of a server (use --repo)")
	}
	report, err := repository.VerifyURL(ctx, base, req)
	switch {
	case errors.Is(err, fetch.ErrHeader):
		return nil, term.Usagef("--header: %w", err)
	case errors.Is(err, fetch.ErrUnauthorized) && !errors.Is(err, fetch.ErrProxy) && len(req.Header) > 0:
		return nil, fmt.Errorf("%s refuses the credentials of --header", fetch.Shown(base))
	// The error itself is for programmers.
	case errors.Is(err, fetch.ErrUnauthorized) && !errors.Is(err, fetch.ErrProxy):
		return nil, fmt.Errorf("%s wants credentials (use --header with env:NAME or file:FILE)", fetch.Shown(base))
	}

	return report, err
}

func (o *verifyOptions) print(c *term.Console, report *repository.Report) error {
	for _, w := range report.Warnings {
		c.Warning(w)
	}
	for _, r := range report.Releases {
		for _, w := range r.Warnings {
			c.Warning(r.Location.String() + ": " + w)
		}
	}
	if o.json {
		return printJSON(c, struct {
			Repository string `json:"repository"`
			OK         bool   `json:"ok"`
			*repository.Report
		}{shown(o.repo), report.OK(), report})
	}
	var lines []string
	if m := report.Metadata; m != nil {
		if m.OK() {
			lines = append(lines, fmt.Sprintf("ok     TUF metadata, %d targets", m.Targets))
		}
		for _, f := range m.Faults {
			lines = append(lines, fmt.Sprintf("fault  TUF metadata: %s: %s", f.Check, f.Message))
		}
	}
	for _, r := range report.Releases {
		if len(r.Faults) == 0 {
			lines = append(lines, fmt.Sprintf("ok     %s, %s", r.Location, signedBy(r)))
		}
		for _, f := range r.Faults {
			lines = append(lines, fmt.Sprintf("fault  %s: %s: %s", r.Location, f.Check, f.Message))
		}
	}

	return printLines(c, lines)
}

func signedBy(r repository.Checked) string {
	if len(r.Signers) == 0 {
		return "signature not checked"
	}

	return "signed by " + strings.Join(r.Signers, ", ")
}

// shown returns a repository as it may be printed: a URL without user, password and query.
func shown(repo string) string {
	if u, err := url.Parse(repo); err == nil && u.Host != "" {
		return fetch.Shown(u)
	}
	return repo
}
