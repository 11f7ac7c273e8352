// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/repository"
)

const tufSignHelp = `Sign the drafts of TUF metadata with a root key or a targets key. First it prints what
the drafts say, and how that differs from what is published; then it asks for the
passphrase. Without --key it only prints.

Key holders need not share a repository: --file signs a copy of a draft, and --from
takes over the signatures of a copy. A draft is published when it has all signatures
that it needs.`

const tufSignExample = `  update-repo tuf sign --repo repo --key alice.key
  update-repo tuf sign --file root.draft.json --key bob.key
  update-repo tuf sign --repo repo --from root.draft.json --key carol.key`

type tufSignOptions struct {
	tufFlags
	repo, file, previous string
	from                 []string
	json                 bool
	key                  keyFlags
}

func tufSignCommand(c *term.Console) *cobra.Command {
	o := &tufSignOptions{}
	cmd := newCommand("sign [--key REF] [--repo DIR | --file DRAFT] [--from COPY]... [flags]", "Sign drafts of TUF metadata as one of several key holders", tufSignHelp, tufSignExample, cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return o.run(ctx, c)
	})
	f := cmd.Flags()
	repoFlag(cmd, &o.repo)
	f.StringVar(&o.file, "file", "", "sign the draft in `FILE`, without a repository")
	f.StringVar(&o.previous, "previous", "", "root before the draft in --file, or the root that names the targets keys, in `FILE`")
	f.StringArrayVar(&o.from, "from", nil, "take over the signatures of the draft in `FILE`; may be given several times")
	o.key.add(cmd)
	o.tufFlags.add(cmd)
	f.BoolVar(&o.json, "json", false, "print the drafts as JSON")
	for _, other := range []string{"repo", "tuf-key", "tuf-root"} {
		cmd.MarkFlagsMutuallyExclusive("file", other)
	}

	return cmd
}

func (o *tufSignOptions) run(ctx context.Context, c *term.Console) error {
	if o.previous != "" && o.file == "" {
		return term.Usagef("--previous needs --file; a repository has its own roots")
	}
	var copies [][]byte
	for _, name := range o.from {
		raw, err := readMetadata(name)
		if err != nil {
			return err
		}
		copies = append(copies, raw)
	}
	if o.file != "" {
		return o.signFile(ctx, c, copies)
	}
	r, err := waitingFor(repository.Open, c, o.repo)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	shown, err := o.show(ctx, c, r)
	if err != nil {
		return err
	}
	req := repository.SignTUFRequest{Copies: copies, Now: time.Now()}
	if req.TUF, err = o.tuf(ctx, c, r, &o.key.passphrase); err != nil {
		return err
	}
	if req.Signer, err = o.key.signer(ctx, c, r); err != nil {
		return err
	}
	// The repository is not locked while a key holder thinks.
	req.Show = func(s publish.Summary) error {
		if !slices.ContainsFunc(shown, func(d repository.TUFDraft) bool { return reflect.DeepEqual(d.Summary, s) }) {
			return errOtherDraft
		}
		return nil
	}
	out, err := r.SignTUF(ctx, req)
	if err != nil {
		return err
	}

	return printChange(c, o.repo, out, o.json, o.key.ref == "")
}

var errOtherDraft = errors.New("the draft is another one than was shown, because another process changed it; nothing was signed")

// show prints what the key is going to sign, before its passphrase is asked for.
func (o *tufSignOptions) show(ctx context.Context, c *term.Console, r *repository.Repository) ([]repository.TUFDraft, error) {
	if o.key.ref == "" {
		return nil, nil
	}
	trusted, err := o.trustedRoot()
	if err != nil {
		return nil, err
	}
	drafts, err := r.DraftsTUF(ctx, trusted)
	if err != nil {
		return nil, err
	}
	for _, d := range drafts {
		if !o.json {
			printSummary(c, d.Summary)
		}
	}

	return drafts, nil
}

func (o *tufSignOptions) signFile(ctx context.Context, c *term.Console, copies [][]byte) error {
	raw, err := readMetadata(o.file)
	if err != nil {
		return err
	}
	draft, err := publish.ParseDraft(raw)
	if err != nil {
		return fmt.Errorf("reading %q: %w", o.file, err)
	}
	if draft.Role() == publish.Targets && o.previous == "" {
		return term.Usagef("no root given that names the targets keys (use --previous)")
	}
	var present *publish.Authority
	if o.previous != "" {
		if raw, err = readMetadata(o.previous); err != nil {
			return err
		}
		if present, err = publish.ParseAuthority(raw); err != nil {
			return fmt.Errorf("reading %q: %w", o.previous, err)
		}
	}
	for _, raw := range copies {
		other, err := publish.ParseDraft(raw)
		if err == nil {
			_, err = draft.Merge(other, present)
		}
		if err != nil {
			return fmt.Errorf("reading the copy: %w", err)
		}
	}
	if !o.json {
		printSummary(c, draft.Summary(present))
	}
	if o.key.ref != "" {
		var s signature.Signer
		if s, err = resolve(ctx, c, nil, o.key.ref, &o.key.passphrase); err != nil {
			return err
		}
		signer, err := publish.NewSigner(ctx, s)
		if err != nil {
			return err
		}
		if err := draft.Sign(ctx, signer, present); err != nil {
			return err
		}
	}
	progress, err := draft.Progress(present)
	if err != nil {
		return err
	}
	file, err := draft.File()
	if err != nil {
		return err
	}
	if err := replaceFile(o.file, file.Content); err != nil {
		return err
	}
	signed := repository.TUFDraft{File: o.file, Summary: draft.Summary(present), Progress: progress}

	return printChange(c, "", &repository.TUFChange{Drafts: []repository.TUFDraft{signed}}, o.json, false)
}

// replaceFile replaces the content of a file, all of it or none. What it left when it was
// killed goes when it is called again for the same file. Of two processes at once, one
// may fail.
func replaceFile(name string, content []byte) (err error) {
	prefix := ".update-repo-" + filepath.Base(name) + "-"
	entries, err := os.ReadDir(filepath.Dir(name))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			err = errors.Join(err, os.Remove(filepath.Join(filepath.Dir(name), e.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	f, err := os.CreateTemp(filepath.Dir(name), prefix+"*")
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
