// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

const addHelp = `Publish a release: one FILE for each platform. Either all of them are published
or, after an error or an interrupt, none. After a kill, repeat the command: a
platform that is published already, with the same binary and key, stays as it is.

The platform of a FILE is given by --os and --arch or by OS/ARCH=FILE, or read
from the build information in a Go binary. The product has the name of the FILE,
unless --name is given.

Releases are signed. Without a signature, anyone who can write to the repository
or change the traffic of a client can replace a release.

The binary is published in each of the --encodings: bzip2, zstd, gzip or none.
Clients download the smallest artifact that they can decompress; clients of
version 0.1.0 read only bzip2 and none. With --artifact, a file that another
program compressed, such as zstd -19, is published too. Its name ends in .bz2,
.zst or .gz. It is decompressed and compared with the binary first.

With --patches or --patch-from, patches from published versions are published
too. They are small if little of the program has changed. A patch that saves less
than 30 % is not published. Making one takes about 9 bytes of memory for each
byte of the binary; as many are made at a time as there are cores.

If the repository has TUF metadata, the release is added to it with the same key.
TUF clients see it at once if --tuf-key gives the online key.

SOURCE_DATE_EPOCH sets the date of the release, so that the same input makes the
same files.`

const addExample = `  update-repo choria --version 1.2.3 --os linux --arch amd64 --repo repo --key release.key
  update-repo add dist/linux/choria dist/windows/choria.exe --version 1.2.3 --repo repo --key release.key
  update-repo add linux/amd64=choria-amd64 linux/arm64=choria-arm64 --name choria --version 1.2.3 --repo repo --key env:KEY
  update-repo add linux/amd64=choria --artifact linux/amd64=choria.zst --patches 3 --version 1.2.3 --repo repo --key release.key`

type addOptions struct {
	publishFlags
	version, os, arch, name       string
	uncompressed, force, insecure bool
	encodings, patchFrom          []string
	artifacts                     []string
	patches                       int
	expires                       validity
}

func addCommand(c *term.Console) *cobra.Command {
	o := &addOptions{}
	cmd := newCommand("add {FILE | OS/ARCH=FILE}... --version V {--key REF | --insecure-unsigned} [flags]", "Publish a release", addHelp, addExample, cobra.MinimumNArgs(1),
		func(ctx context.Context, args []string) error { return o.run(ctx, c, args) })
	o.publishFlags.add(cmd)
	o.expires.add(cmd)
	f := cmd.Flags()
	f.StringVar(&o.version, "version", "", "publish version `V`")
	f.StringVar(&o.os, "os", "", "operating system `OS` of FILE, as in GOOS")
	f.StringVar(&o.arch, "arch", "", "architecture `ARCH` of FILE, as in GOARCH")
	f.StringVar(&o.name, "name", "", "`NAME` of the product")
	f.StringSliceVar(&o.encodings, "encodings", nil, "publish the binary in each encoding of `LIST` (default bzip2,zstd)")
	f.StringArrayVar(&o.artifacts, "artifact", nil, "publish the compressed `FILE` for its encoding; may be given several times")
	f.BoolVar(&o.uncompressed, "uncompressed", false, "publish the binary uncompressed, too: the encoding none")
	f.IntVar(&o.patches, "patches", 0, "make patches from the latest `N` earlier versions")
	f.StringSliceVar(&o.patchFrom, "patch-from", nil, "make patches from the versions in `LIST`")
	f.BoolVar(&o.force, "force", false, "replace a published release")
	f.BoolVar(&o.insecure, "insecure-unsigned", false, "publish without a signature, for clients that do not verify any")
	completePlatformFlags(cmd)
	completeFlag(cmd, "encodings", completeEncodings)
	cmd.ValidArgsFunction = completeFile
	cmd.MarkFlagsMutuallyExclusive("key", "insecure-unsigned")
	cmd.MarkFlagsMutuallyExclusive("patches", "patch-from")
	cmd.MarkFlagsRequiredTogether("os", "arch")

	return cmd
}

func (o *addOptions) run(ctx context.Context, c *term.Console, args []string) error {
	if o.version == "" {
		return term.Usagef("no version given (use --version)")
	}
	if err := trust.CheckVersion(o.version); err != nil {
		return term.Usage(err)
	}
	if o.key.ref == "" && !o.insecure {
		return term.WithHint(term.Usagef("no signing key given (use --key, or --insecure-unsigned to publish without a signature)"),
			"keygen release makes a key")
	}
	files, err := o.files(c, args)
	if err != nil {
		return err
	}
	artifacts, err := o.compressed(files)
	if err != nil {
		return err
	}
	name, err := o.product(files)
	if err != nil {
		return err
	}
	now := time.Now()
	date, err := releaseDate(now)
	if err != nil {
		return err
	}

	return o.publish(ctx, c, "already published", repository.Create, func(r *repository.Repository, signer signature.Signer, tuf repository.TUF) ([]repository.Published, error) {
		return addWithProgress(ctx, c, r, repository.AddRequest{
			Files: files, Name: name, Version: o.version, Now: now, Released: date, Expires: date.Add(o.expires.Duration),
			Encodings: o.encodings, Uncompressed: o.uncompressed, Artifacts: artifacts,
			Patches: o.patches, PatchFrom: o.patchFrom, Force: o.force,
			Signer: signer, InsecureUnsigned: o.insecure, TUF: tuf,
		})
	})
}

func addWithProgress(ctx context.Context, c *term.Console, r *repository.Repository, req repository.AddRequest) ([]repository.Published, error) {
	var bar *term.Progress
	req.Progress = func(done, total int64) {
		if bar == nil {
			bar = c.Progress("compressing", total)
		}
		bar.Set(done)
	}
	out, err := r.Add(ctx, req)
	if bar != nil {
		bar.Close()
	}

	return out, err
}
