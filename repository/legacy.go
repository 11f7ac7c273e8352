// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

// upgrade turns a document of v0.1.0 into one of format 1. Other members of the
// old document are dropped: the signature would cover what is not checked.
func (p *publishedRelease) upgrade(ctx context.Context, r *Repository, req *SignRequest) error {
	verified, err := trust.InsecureVerifyUnsigned(p.raw, p.at.want(req.Now))
	if err != nil {
		return err
	}
	release := &verified.Release
	artifact, err := measureLegacy(ctx, local{r}, p.at, release)
	if err != nil {
		return err
	}
	release.Format = trust.ReleaseFormat
	release.Version, release.OS, release.Arch = p.at.Version, p.at.OS, p.at.Arch
	release.Released, release.Expires = req.Released, req.Expires
	release.Artifacts = []trust.Artifact{*artifact}
	if release.Name = req.Name; release.Name == "" {
		name, ok := strings.CutSuffix(strings.TrimSuffix(release.Binary, ".bz2"), artifactName("", p.at, "", ""))
		if !ok || name == "" {
			return invalid("the name of artifact %q does not contain the product (give its name)", release.Binary)
		}
		release.Name = name
	}
	p.raw, err = signing.FormatRelease(release)

	return err
}

// measureLegacy checks the only artifact of a document of v0.1.0, returns what the
// document does not say about it, and sets the size of the release.
func measureLegacy(ctx context.Context, src source, l Location, r *trust.Release) (*trust.Artifact, error) {
	f, err := src.artifact(ctx, l, r.Binary, unknownSize)
	if err != nil {
		return nil, fmt.Errorf("artifact %s: %w", r.Binary, err)
	}
	defer f.Close()
	file := newMeasure()
	if _, err := io.Copy(file, release.WithContext(ctx, f)); err != nil {
		return nil, fmt.Errorf("artifact %s: %w", r.Binary, err)
	}
	if r.Size, err = decompress(ctx, f, codec.Bzip2, unknownSize, r.Hash); err != nil {
		return nil, fmt.Errorf("artifact %s: %w", r.Binary, err)
	}

	return &trust.Artifact{Path: r.Binary, Encoding: codec.Bzip2, Size: file.size, Hash: file.sum()}, nil
}
