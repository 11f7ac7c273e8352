// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/repository"
)

const listHelp = `List the releases in a repository. Their documents are not verified; use
update-repo verify for that.`

type listOptions struct {
	filterFlags
	repo string
	json bool
}

func listCommand(c *term.Console) *cobra.Command {
	o := &listOptions{}
	cmd := newCommand("list [flags]", "List the releases in a repository", listHelp, "", cobra.NoArgs,
		func(ctx context.Context, _ []string) error { return o.run(ctx, c) })
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
		row := []string{e.Version, e.OS + "/" + e.Arch, e.Name, size, fmt.Sprint(e.Signatures), expires}
		if e.Problem != "" {
			row = []string{e.Version, e.OS + "/" + e.Arch, "cannot be read: " + e.Problem}
		}
		// A document could contain escape sequences, or tabs.
		for i := range row {
			row[i] = term.Sanitize(row[i])
		}
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}

	return w.Flush()
}
