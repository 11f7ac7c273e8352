// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"

	"github.com/choria-io/go-updater/internal/codec/bsdiff/diff"
	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/trust"
)

const (

	// maxPatchPercent is the size of the largest patch that is published, in
	// percent of the smallest artifact that is not a patch. Clients try a patch
	// first, and download the other artifact if that fails.
	maxPatchPercent = 70
)

// patch is one patch that is being made.
type patch struct {
	*patchBase
	to     *pendingRelease
	file   string          // in the private directory
	made   *trust.Artifact // nil if it is not published
	reason string          // why not
}

// makePatches makes the patches of all releases, one per core at a time: making
// one takes many times the memory of its binaries.
func (t *transaction) makePatches(ctx context.Context, releases []*pendingRelease, req *AddRequest, m *meter) error {
	var all []*patch
	for _, r := range releases {
		for k, b := range r.bases {
			all = append(all, &patch{patchBase: b, to: r, file: fmt.Sprintf("%d-%d.patch", r.n, k)})
		}
	}
	err := forEach(ctx, len(all), cpus(), func(ctx context.Context, i int) error {
		p := all[i]
		if err := t.makePatch(ctx, req.Files[p.to.n], p, m); err != nil {
			return fmt.Errorf("patching from %s: %w", p.at, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.made == nil {
			p.to.warnings = append(p.to.warnings, fmt.Sprintf("no patch from %s: %s", p.at, p.reason))
			continue
		}
		p.to.artifacts = append(p.to.artifacts, newArtifact{*p.made, path.Join(t.work, p.file), patchSuffix(p.at.Version)})
	}

	return nil
}

func (t *transaction) makePatch(ctx context.Context, f File, p *patch, m *meter) error {
	to := p.to.build
	if p.release.Hash == to.hash {
		m.add(2 * to.size)
		p.reason = "it is the same binary"
		return nil
	}
	oldBinary, err := binaryOf(ctx, local{t.repo}, p.at, &p.release)
	if err != nil {
		return err
	}
	newBinary, err := readAgain(ctx, f.Path, to)
	if err != nil {
		return err
	}
	out, err := t.create(p.file)
	if err != nil {
		return err
	}
	defer out.Close()

	written, counted := newMeasure(), int64(0)
	err = diff.Write(ctx, io.MultiWriter(out, written), oldBinary, newBinary, func(done, total int64) {
		is := int64(float64(done) / float64(total) * float64(to.size))
		m.add(is - counted)
		counted = is
	})
	if err != nil {
		return err
	}
	m.add(to.size - counted)
	if smallest := to.smallest(); written.size > smallest*maxPatchPercent/100 {
		m.add(to.size)
		p.reason = fmt.Sprintf("it has %d bytes and saves less than %d %% of the smallest other artifact, which has %d",
			written.size, 100-maxPatchPercent, smallest)
		return nil
	}

	err = t.do("read", p.file, func() error {
		return checkPatch(ctx, oldBinary, out, written.size, to.size, to.hash, m)
	})
	if err != nil {
		return fmt.Errorf("applying the patch: %w", err)
	}
	p.made = &trust.Artifact{Encoding: release.PatchEncoding, From: p.release.Hash, Size: written.size, Hash: written.sum()}

	return t.finish(out)
}

// smallest is the size of the smallest artifact that is not a patch.
func (b *build) smallest() int64 {
	smallest := b.artifacts[0].Size
	for _, a := range b.artifacts {
		smallest = min(smallest, a.Size)
	}

	return smallest
}

// readAgain returns the binary of a build.
func readAgain(ctx context.Context, file string, of *build) ([]byte, error) {
	in, err := openInput(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var b bytes.Buffer
	b.Grow(int(of.size) + bytes.MinRead)
	got := newMeasure()
	if _, err := io.Copy(io.MultiWriter(&b, got), io.LimitReader(release.WithContext(ctx, in), of.size+1)); err != nil {
		return nil, err
	}
	if got.sum() != of.hash {
		return nil, badInput("%q changed after it was compressed", file)
	}

	return b.Bytes(), nil
}

// checkPatch applies a patch as a client does. It returns [ErrHash] if that does
// not make the binary with this size and hash.
func checkPatch(ctx context.Context, oldBinary []byte, patch io.ReaderAt, patchSize, size int64, hash string, also ...io.Writer) error {
	_, err := release.Decode(ctx, io.MultiWriter(also...), &trust.Release{Size: size, Hash: hash}, release.Input{
		Artifact: trust.Artifact{Encoding: release.PatchEncoding, Size: patchSize}, Packed: patch,
		Old: bytes.NewReader(oldBinary), OldSize: int64(len(oldBinary)),
	})

	return err
}
