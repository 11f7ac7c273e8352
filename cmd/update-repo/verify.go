// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/repository"
)

const listHelp = `List the releases in a repository. What the documents say is not checked here:
update-repo verify does that.`

type listOptions struct {
	filterFlags
	repo string
	json bool
}

func listCommand(c *term.Console) *cobra.Command {
	o := &listOptions{}
	cmd := &cobra.Command{
		Use:   "list [flags]",
		Short: "List the releases in a repository",
		Long:  listHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return explain(o.run(cmd.Context(), c))
		},
		DisableFlagsInUseLine: true,
	}
	repoFlag(cmd, &o.repo)
	o.filterFlags.add(cmd, "list")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the list as JSON")

	return cmd
}

func (o *listOptions) run(ctx context.Context, c *term.Console) error {
	r, err := repository.Open(o.repo)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	entries, err := r.List(ctx, o.Filter)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(c, map[string]any{"repository": o.repo, "releases": entries})
	}
	w := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	if len(entries) > 0 {
		_, _ = fmt.Fprintln(w, "VERSION\tPLATFORM\tNAME\tSIZE\tSIGNATURES\tEXPIRES")
	}
	for _, e := range entries {
		size, expires := "-", "-"
		if e.Size > 0 {
			size = term.Bytes(e.Size)
		}
		if e.Expires != nil {
			expires = e.Expires.Format(time.DateOnly)
		}
		// Nothing of a document may move the cursor, nor a tab the columns.
		row := []string{e.Version, e.OS + "/" + e.Arch, e.Name, size, fmt.Sprint(e.Signatures), expires}
		if e.Problem != "" {
			row = []string{e.Version, e.OS + "/" + e.Arch, "cannot be read: " + e.Problem}
		}
		for i := range row {
			row[i] = term.Sanitize(row[i])
		}
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}

	return w.Flush()
}

const verifyHelp = `Check releases as a client would: every document, its signatures, and every
artifact. Of a local repository all releases are checked, or those that the
flags select. --repo may be an http, https or file URL, which shows what clients
are really served; the version has to be given then, and without --os and --arch
every platform is tried. TUF metadata is checked as well when there is any: all of
it, and that TUF clients see the same releases.

The exit code is 1 when a client would refuse any of the releases: one that has no
Product and no MaxSize set, or those of --name and --max-size.`

const verifyExample = `  update-repo verify --repo repo --public-key release.pub
  update-repo verify --repo https://example.com/repo --version 1.2.3 --public-key release.pub --public-key second.pub --threshold 2`

type verifyOptions struct {
	filterFlags
	repo           string
	name           string
	maxSize        int64
	insecure, json bool
	public         publicKeyFlags
	tuf            tufFlags
}

func verifyCommand(c *term.Console) *cobra.Command {
	o := &verifyOptions{}
	cmd := &cobra.Command{
		Use:     "verify {--public-key FILE... | --insecure-unsigned} [flags]",
		Short:   "Check releases as a client would",
		Long:    verifyHelp,
		Example: verifyExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return explain(o.run(cmd.Context(), c))
		},
		DisableFlagsInUseLine: true,
	}
	cmd.Flags().StringVar(&o.repo, "repo", ".", "the repository is in `DIR`, or at a URL")
	o.filterFlags.add(cmd, "check")
	o.public.add(cmd)
	o.tuf.addRoot(cmd)
	cmd.Flags().StringVar(&o.name, "name", "", "refuse another product than `NAME`, as clients whose Product that is")
	cmd.Flags().Int64Var(&o.maxSize, "max-size", 0, "refuse what is larger than `BYTES`, as clients whose MaxSize that is")
	cmd.Flags().BoolVar(&o.insecure, "insecure-unsigned", false, "let releases without a signature pass")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the report as JSON")

	return cmd
}

func (o *verifyOptions) run(ctx context.Context, c *term.Console) error {
	policy, err := o.public.policy()
	if err != nil {
		return err
	}
	if policy == nil && !o.insecure {
		return term.WithHint(term.Usagef("whose signature to look for is not known"),
			"say --public-key release.pub; --insecure-unsigned checks hashes only")
	}
	root, err := o.tuf.trustedRoot()
	if err != nil {
		return err
	}
	report, err := o.verify(ctx, repository.VerifyRequest{
		Filter: o.Filter, Policy: policy, InsecureUnsigned: o.insecure, Now: time.Now(), TrustedRoot: root,
		Name: o.name, MaxSize: o.maxSize,
	})
	if err != nil {
		return err
	}
	for _, w := range report.Warnings {
		c.Warning(w)
	}
	for _, r := range report.Releases {
		for _, w := range r.Warnings {
			c.Warning(r.Location.String() + ": " + w)
		}
	}
	if o.json {
		err = printJSON(c, struct {
			Repository string `json:"repository"`
			OK         bool   `json:"ok"`
			*repository.Report
		}{o.repo, report.OK(), report})
	} else {
		err = printReport(c, report)
	}
	if err != nil || report.OK() {
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
	for _, scheme := range []string{"http://", "https://", "file://"} {
		if !strings.HasPrefix(strings.ToLower(o.repo), scheme) {
			continue
		}
		base, err := url.Parse(o.repo)
		if err != nil {
			// The error would quote the password.
			return nil, term.Usagef("the URL of the repository cannot be read")
		}
		if req.Version == "" {
			return nil, term.Usagef("a repository behind a URL cannot be listed: say which --version")
		}
		return repository.VerifyURL(ctx, base, req)
	}
	r, err := repository.Open(o.repo)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()

	return r.Verify(ctx, req)
}

func printReport(c *term.Console, report *repository.Report) error {
	if m := report.Metadata; m != nil {
		if m.OK() {
			fmt.Fprintf(c.Out, "ok     TUF metadata, %d targets\n", m.Targets)
		}
		for _, f := range m.Faults {
			fmt.Fprintln(c.Out, term.Sanitize(fmt.Sprintf("fault  TUF metadata: %s: %s", f.Check, f.Message)))
		}
	}
	for _, r := range report.Releases {
		lines := []string{fmt.Sprintf("ok     %s, %s", r.Location, signedBy(r))}
		if len(r.Faults) > 0 {
			lines = lines[:0]
		}
		for _, f := range r.Faults {
			lines = append(lines, fmt.Sprintf("fault  %s: %s: %s", r.Location, f.Check, f.Message))
		}
		for _, l := range lines {
			if _, err := fmt.Fprintln(c.Out, term.Sanitize(l)); err != nil {
				return err
			}
		}
	}

	return nil
}

func signedBy(r repository.Checked) string {
	if len(r.Signers) == 0 {
		return "signature not checked"
	}

	return "signed by " + strings.Join(r.Signers, ", ")
}
