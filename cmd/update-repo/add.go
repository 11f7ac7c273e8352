// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

const addHelp = `Publish binaries as a release: one FILE for one platform, or several for
several. Either all of them are published or, after an error or an interrupt,
nothing is.

The platform of a FILE is that of --os and --arch, or that in front of it in
os/arch=FILE, or the one that the Go toolchain noted in the binary. The name of
the product is that of the FILE, unless --name says otherwise.

Without a key nothing is published: a release that is not signed can be replaced
by anybody who can write to the repository, or stands between it and a client.

The binary is published in the encodings that --encodings names, of bzip2, zstd,
gzip and none: clients take the smallest that they can read, those of version
0.1.0 only bzip2 or none. An artifact that another program packed smaller, such
as zstd -19, is given with --artifact FILE, or --artifact OS/ARCH=FILE, and ends
in .bz2, .zst or .gz. It is unpacked and compared before it is published.

With --patches or --patch-from, patches from published versions are made too,
which are a small part of the binary when little of the program has changed. A
patch that saves less than 30 % is not published. Making one takes about 9
bytes of memory for each byte of the binary; as many as there are cores are made
at a time.

In a repository with TUF metadata, the release gets into it, with the same key,
and clients see it at once when --tuf-key gives the online key.

SOURCE_DATE_EPOCH dates the release, so that the same input makes the same
files.`

const addExample = `  update-repo choria --version 1.2.3 --os linux --arch amd64 --repo repo --key release.key
  update-repo add dist/linux/choria dist/windows/choria.exe --version 1.2.3 --repo repo --key release.key
  update-repo add linux/amd64=choria-amd64 linux/arm64=choria-arm64 --name choria --version 1.2.3 --repo repo --key env:KEY
  update-repo add linux/amd64=choria --artifact linux/amd64=choria.zst --patches 3 --version 1.2.3 --repo repo --key release.key`

type addOptions struct {
	version, os, arch, repo, name string
	uncompressed, force, insecure bool
	json                          bool
	encodings, patchFrom          []string
	artifacts                     []string
	patches                       int
	expires                       validity
	key                           keyFlags
	tuf                           tufFlags
}

func addCommand(c *term.Console) *cobra.Command {
	o := &addOptions{}
	cmd := &cobra.Command{
		Use:     "add {FILE | OS/ARCH=FILE}... --version V {--key REF | --insecure-unsigned} [flags]",
		Short:   "Publish a release",
		Long:    addHelp,
		Example: addExample,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return explainTUF(o.run(cmd.Context(), c, args))
		},
		DisableFlagsInUseLine: true,
	}
	f := cmd.Flags()
	f.StringVar(&o.version, "version", "", "the version to publish is `V`")
	f.StringVar(&o.os, "os", "", "FILE runs on the system `OS`, as GOOS")
	f.StringVar(&o.arch, "arch", "", "FILE runs on the architecture `ARCH`, as GOARCH")
	f.StringVar(&o.name, "name", "", "the product is called `NAME`")
	repoFlag(cmd, &o.repo)
	f.StringSliceVar(&o.encodings, "encodings", repository.DefaultEncodings(), "pack the binary in each of the encodings of `LIST`")
	f.StringArrayVar(&o.artifacts, "artifact", nil, "publish `FILE`, which was packed already, for its encoding; may be given several times")
	f.BoolVar(&o.uncompressed, "uncompressed", false, "publish the binary as it is, too: the encoding none")
	f.IntVar(&o.patches, "patches", 0, "make patches from the last `N` versions before this one")
	f.StringSliceVar(&o.patchFrom, "patch-from", nil, "make patches from the versions of `LIST`")
	f.BoolVar(&o.force, "force", false, "replace a release that is published")
	o.expires.add(cmd)
	o.key.add(cmd)
	o.tuf.add(cmd)
	f.BoolVar(&o.insecure, "insecure-unsigned", false, "publish without a signature, for clients that do not check any")
	f.BoolVar(&o.json, "json", false, "print what was published as JSON")
	cmd.MarkFlagsMutuallyExclusive("key", "insecure-unsigned")
	cmd.MarkFlagsMutuallyExclusive("patches", "patch-from")
	cmd.MarkFlagsRequiredTogether("os", "arch")

	return cmd
}

func (o *addOptions) run(ctx context.Context, c *term.Console, args []string) (err error) {
	if o.version == "" {
		return term.Usagef("which version this is, is missing: say --version")
	}
	if err := trust.CheckVersion(o.version); err != nil {
		return term.Usage(err)
	}
	if o.key.ref == "" && !o.insecure {
		return term.WithHint(term.Usagef("a release is signed, and no key was given"),
			"make one with keygen release and say --key release.key; --insecure-unsigned publishes without a signature")
	}
	files, err := o.files(c, args)
	if err != nil {
		return err
	}
	artifacts, err := o.ready(files)
	if err != nil {
		return err
	}
	name, err := o.product(files)
	if err != nil {
		return err
	}
	now := time.Now()
	date, err := released(now)
	if err != nil {
		return err
	}
	if !repository.Comparable(o.version) {
		c.Warning(fmt.Sprintf("version %q is not a semantic version: clients cannot tell whether it is older than what they run", o.version))
	}

	r, err := repository.Create(o.repo)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	r.OnWait(func() { c.Warning("another update-repo is at work in this repository: waiting for it") })
	req := repository.AddRequest{
		Files: files, Name: name, Version: o.version, Now: now, Released: date, Expires: date.Add(o.expires.Duration),
		Encodings: o.encodings, Uncompressed: o.uncompressed, Artifacts: artifacts,
		Patches: o.patches, PatchFrom: o.patchFrom, Force: o.force, InsecureUnsigned: o.insecure,
	}
	if !o.insecure {
		if req.Signer, err = o.key.signer(ctx, c, r); err != nil {
			return err
		}
	}
	if req.TUF, err = o.tuf.tuf(ctx, c, r, &o.key.passphrase); err != nil {
		return err
	}
	out, err := o.add(ctx, c, r, req)
	if err != nil {
		return err
	}

	return printPublished(c, o.repo, out, o.json)
}

func (o *addOptions) add(ctx context.Context, c *term.Console, r *repository.Repository, req repository.AddRequest) ([]repository.Published, error) {
	var bar *term.Progress
	req.Progress = func(done, total int64) {
		if bar == nil {
			bar = c.Progress("packing", total)
		}
		bar.Set(done)
	}
	out, err := r.Add(ctx, req)
	if bar != nil {
		bar.Close()
	}

	return out, err
}

var withPlatform = regexp.MustCompile(`^([a-z0-9]+)/([a-z0-9]+)=(.+)$`)

// files finds out what each argument is and what it runs on.
func (o *addOptions) files(c *term.Console, args []string) ([]repository.File, error) {
	if o.os != "" && len(args) > 1 {
		return nil, term.WithHint(term.Usagef("--os and --arch are of one FILE, but there are %d", len(args)), "write os/arch=FILE for each")
	}
	files := make([]repository.File, 0, len(args))
	seen := map[[2]string]string{}
	for _, arg := range args {
		f := repository.File{OS: o.os, Arch: o.arch, Path: arg}
		if m := withPlatform.FindStringSubmatch(arg); m != nil {
			if o.os != "" {
				return nil, term.Usagef("%q has a platform, and so have --os and --arch", arg)
			}
			f = repository.File{OS: m[1], Arch: m[2], Path: m[3]}
		}
		if err := readable(f.Path); err != nil {
			return nil, err
		}
		if err := platform(c, &f); err != nil {
			return nil, err
		}
		p := [2]string{f.OS, f.Arch}
		if other, ok := seen[p]; ok {
			return nil, term.Usagef("%q and %q are both for %s/%s", other, f.Path, f.OS, f.Arch)
		}
		seen[p] = f.Path
		files = append(files, f)
	}

	return files, nil
}

// ready finds out which binary each of the artifacts is.
func (o *addOptions) ready(files []repository.File) ([]repository.File, error) {
	var out []repository.File
	for _, arg := range o.artifacts {
		f := repository.File{OS: files[0].OS, Arch: files[0].Arch, Path: arg}
		if m := withPlatform.FindStringSubmatch(arg); m != nil {
			f = repository.File{OS: m[1], Arch: m[2], Path: m[3]}
		} else if len(files) > 1 {
			return nil, term.WithHint(term.Usagef("which of %d binaries %q is, is not known", len(files), arg), "write --artifact os/arch=FILE")
		}
		if err := readable(f.Path); err != nil {
			return nil, err
		}
		out = append(out, f)
	}

	return out, nil
}

// readable looks at a file before anything else is done, and catches the slip
// of the fingers that publishes the private key.
func readable(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("reading the file to publish: %w", err)
	}
	// Anything else is named by who reads it; opening a pipe might not end.
	if !info.Mode().IsRegular() || info.Size() > keys.MaxFile {
		return nil
	}
	file, err := keys.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading the file to publish: %w", err)
	}
	if _, err := keys.Inspect(file.Data); err == nil {
		return term.Usagef("%q is a private key, which is not published", name)
	}

	return nil
}

// platform fills in what the Go toolchain noted in the binary, or compares.
func platform(c *term.Console, f *repository.File) error {
	goos, goarch := built(f.Path)
	switch {
	case f.OS == "" && goos == "":
		return term.WithHint(term.Usagef("what %q runs on is not known", f.Path), "say --os and --arch, or os/arch=FILE")
	case f.OS == "":
		f.OS, f.Arch = goos, goarch
	}
	if err := repository.CheckPlatform(f.OS, f.Arch); err != nil {
		return err
	}
	if goos != "" && (goos != f.OS || goarch != f.Arch) {
		c.Warning(fmt.Sprintf("%q was built for %s/%s and is published for %s/%s", f.Path, goos, goarch, f.OS, f.Arch))
	}

	return nil
}

// built tells what a binary was built for, when the Go toolchain built it.
func built(name string) (goos, goarch string) {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return "", ""
	}
	info, err := buildinfo.ReadFile(name)
	if err != nil {
		return "", ""
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			goos = s.Value
		case "GOARCH":
			goarch = s.Value
		}
	}
	if goos == "" || goarch == "" {
		return "", ""
	}

	return goos, goarch
}

// product is the name that the files agree on.
func (o *addOptions) product(files []repository.File) (string, error) {
	name := o.name
	for _, f := range files {
		base := filepath.Base(f.Path)
		if f.OS == "windows" {
			base = strings.TrimSuffix(base, ".exe")
		}
		switch {
		case o.name != "":
		case name == "":
			name = base
		case name != base:
			return "", term.WithHint(term.Usagef("%q and %q are not called alike", files[0].Path, f.Path), "say what the product is called with --name")
		}
	}
	if err := trust.CheckName(name); err != nil {
		return "", term.WithHint(term.Usage(err), "say what the product is called with --name")
	}

	return name, nil
}

// printPublished says what was written, where, and its fingerprint.
func printPublished(c *term.Console, repo string, out []repository.Published, asJSON bool) error {
	for _, p := range out {
		for _, w := range p.Warnings {
			c.Warning(p.Location.String() + ": " + w)
		}
	}
	if asJSON {
		return printJSON(c, map[string]any{"repository": repo, "releases": out})
	}
	for _, p := range out {
		line := func(format string, args ...any) error {
			_, err := fmt.Fprintln(c.Out, term.Sanitize(fmt.Sprintf(format, args...)))
			return err
		}
		by := "not signed"
		if p.Key != "" {
			by = "signed by " + p.Key
		}
		if err := line("%s %s: binary sha256 %s, %s", p.Name, p.Location, p.Hash, term.Bytes(p.Size)); err != nil {
			return err
		}
		for _, a := range p.Artifacts {
			if err := line("  %s: %s", filepath.Join(repo, filepath.Dir(filepath.FromSlash(p.Document)), filepath.FromSlash(a.Path)), term.Bytes(a.Size)); err != nil {
				return err
			}
		}
		if err := line("  %s: %s, until %s", filepath.Join(repo, filepath.FromSlash(p.Document)), by, p.Expires.Format(time.RFC3339)); err != nil {
			return err
		}
	}

	return nil
}
