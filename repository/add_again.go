// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

// find looks for a published release in the place of a new one. If it is the same
// product and binary, signed by the same key, it is done already: an add that was
// killed between two documents goes on with the rest. Another one is [ErrExists],
// unless the request replaces it.
func (p *pendingRelease) find(ctx context.Context, f File, req *AddRequest, key *trust.Key) error {
	repo := p.t.repo
	info, err := repo.root.Lstat(p.at.document())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file (remove it)", p.at.document())
	case req.Force:
		return nil
	}
	if p.raw, err = repo.readDocument(ctx, p.at); err != nil {
		return err
	}
	// Its dates are its own.
	verified, err := trust.InsecureVerifyUnsigned(p.raw, p.at.want(req.Now))
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrExists, p.at, err)
	}
	difference, err := differs(ctx, p.raw, verified, f, req, key)
	if err != nil {
		return err
	}
	if difference != "" {
		return fmt.Errorf("%w: %s: %s", ErrExists, p.at, difference)
	}
	there := &publishedRelease{at: p.at}
	if err := there.accept(ctx, repo, verified); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrExists, p.at, err)
	}
	p.done = true
	p.out = publishedOf(there.release, p.at, key)
	p.out.Already = true
	p.out.Warnings, err = ignored(there.release, f, req)

	return err
}

// differs returns how a published release differs from the one that is added, or "".
func differs(ctx context.Context, raw []byte, verified *trust.Verified, f File, req *AddRequest, key *trust.Key) (string, error) {
	var d struct {
		Signature *json.RawMessage `json:"signature"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return "", fmt.Errorf("%w: %w", trust.ErrMalformed, err)
	}
	switch {
	case key == nil && d.Signature != nil:
		return "it is signed", nil
	case key != nil && (verified.Legacy || d.Signature == nil):
		return "it is not signed", nil
	case verified.Legacy:
		return "its document is of version 0.1.0", nil
	case verified.Release.Name != req.Name:
		return fmt.Sprintf("its product is %q, not %q", verified.Release.Name, req.Name), nil
	case key != nil && signing.SignedBy(raw, *key) != nil:
		return "another key signed it", nil
	}
	hash, err := hashOf(ctx, f.Path)
	if err != nil {
		return "", err
	}
	if hash != verified.Release.Hash {
		return fmt.Sprintf("its binary has the SHA-256 %s, %q has %s", verified.Release.Hash, f.Path, hash), nil
	}

	return "", nil
}

func hashOf(ctx context.Context, file string) (string, error) {
	in, err := openInput(file)
	if err != nil {
		return "", err
	}
	defer in.Close()
	got := newMeasure()
	_, err = io.Copy(got, release.WithContext(ctx, in))

	return got.sum(), err
}

// ignored warns of what was asked for and does not change what is done already.
func ignored(there *trust.Release, f File, req *AddRequest) ([]string, error) {
	sources, err := req.sources(f)
	if err != nil {
		return nil, err
	}
	var asked, has, warnings []string
	for _, s := range sources {
		asked = append(asked, s.name)
	}
	for _, a := range there.Artifacts {
		if a.From == "" {
			has = append(has, a.Encoding)
		}
	}
	if slices.Sort(has); !slices.Equal(has, slices.Sorted(slices.Values(asked))) {
		warnings = append(warnings, fmt.Sprintf("it is published already in the encodings %s, and was not changed (use force to replace it)", strings.Join(has, ", ")))
	}
	patched := slices.ContainsFunc(there.Artifacts, func(a trust.Artifact) bool { return a.From != "" })
	if !patched && (len(req.PatchFrom) > 0 || req.Patches > 0) {
		warnings = append(warnings, "it is published already without patches, and was not changed (use force to replace it)")
	}
	if there.Expires.Sub(there.Released) != req.Expires.Sub(req.Released) {
		warnings = append(warnings, fmt.Sprintf("it is published already until %s, and was not changed (sign it to renew it)", there.Expires.Format(time.RFC3339)))
	}

	return warnings, nil
}
