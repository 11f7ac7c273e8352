// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"golang.org/x/mod/semver"

	"github.com/choria-io/go-updater/internal/codec/bsdiff"
	"github.com/choria-io/go-updater/internal/codec/bsdiff/diff"
	"github.com/choria-io/go-updater/trust"
)

const (
	// patchEncoding is how a document names patches.
	patchEncoding = "bsdiff"

	// worthwhile is how large a patch may be, in percent of the smallest
	// artifact that needs no old binary. A client tries a patch first, and has
	// to fetch the other one all the same when that fails.
	worthwhile = 70

	// maxArtifacts is how many a client accepts in a document.
	maxArtifacts = 64
)

// base is a published release that a patch starts from.
type base struct {
	at      Location
	release trust.Release
}

func patchSuffix(from string) string { return "-from-" + from + ".patch" }

// completePatches refuses what the request alone tells.
func (req *AddRequest) completePatches() error {
	switch {
	case req.Patches < 0:
		return fmt.Errorf("%w: patches from %d releases", ErrRequest, req.Patches)
	case req.Patches > 0 && len(req.PatchFrom) > 0:
		return fmt.Errorf("%w: patches from the last releases, and from named ones", ErrRequest)
	case req.Patches > 0 && !Comparable(req.Version):
		return fmt.Errorf("%w: which releases came before %q cannot be told: it is not a semantic version", ErrRequest, req.Version)
	}
	for i, v := range req.PatchFrom {
		if err := trust.CheckVersion(v); err != nil {
			return err
		}
		if slices.Contains(req.PatchFrom[:i], v) {
			return fmt.Errorf("%w: a patch from %q is asked for twice", ErrRequest, v)
		}
		if v == req.Version || Comparable(v) && Comparable(req.Version) && !lower(v, req.Version) {
			return fmt.Errorf("%w: a patch leads from an older version, and %q is not older than %q", ErrRequest, v, req.Version)
		}
	}

	return nil
}

func lower(a, b string) bool { return semver.Compare(canonicalVersion(a), canonicalVersion(b)) < 0 }

// bases finds the releases from which patches to f are to lead.
func (r *Repository) bases(ctx context.Context, f File, req *AddRequest, key *trust.Key) (found []*base, warnings []string, err error) {
	for _, v := range req.PatchFrom {
		b, err := r.base(ctx, f.at(v), req, key)
		if errors.Is(err, ErrMissing) {
			err = fmt.Errorf("%w: version %q is not published for %s/%s", ErrNoRelease, v, f.OS, f.Arch)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("patching from %s: %w", f.at(v), err)
		}
		found = append(found, b)
	}
	if req.Patches > 0 {
		if found, warnings, err = r.lastBases(ctx, f, req, key); err != nil {
			return nil, nil, err
		}
	}

	for _, b := range found {
		if err := trust.CheckPath(artifactName(req.Name, f.at(req.Version), markOfAny, patchSuffix(b.at.Version))); err != nil {
			return nil, nil, err
		}
	}
	if n := len(found) + len(encodings); n > maxArtifacts {
		return nil, nil, fmt.Errorf("%w: a release has at most %d artifacts, patches included", ErrRequest, maxArtifacts)
	}

	return found, warnings, nil
}

// lastBases finds the latest releases before the one that is published. What
// is not ours is passed over, since nobody named it; what is damaged is not.
func (r *Repository) lastBases(ctx context.Context, f File, req *AddRequest, key *trust.Key) (found []*base, warnings []string, err error) {
	all, _, err := r.locations(Filter{OS: f.OS, Arch: f.Arch})
	if err != nil {
		return nil, nil, err
	}
	for _, at := range slices.Backward(all) {
		if len(found) == req.Patches {
			break
		}
		if !Comparable(at.Version) || !lower(at.Version, req.Version) {
			continue
		}
		b, err := r.base(ctx, at, req, key)
		switch {
		case errors.Is(err, trust.ErrMismatch), errors.Is(err, trust.ErrUnsigned), errors.Is(err, trust.ErrSignature):
			warnings = append(warnings, fmt.Sprintf("no patch from %s: %v", at, err))
		case err != nil:
			return nil, nil, fmt.Errorf("patching from %s: %w", at, err)
		default:
			found = append(found, b)
		}
	}

	return found, warnings, nil
}

// base reads the document of a published release. It has to be of the same
// product, and signed by the key that signs the new one: a patch from anything
// else would fit nobody's binary. That it may have expired meanwhile is no
// reason for those who run it not to get a patch.
func (r *Repository) base(ctx context.Context, at Location, req *AddRequest, key *trust.Key) (*base, error) {
	raw, err := r.readDocument(ctx, at)
	if err != nil {
		return nil, err
	}
	want := trust.Want{Name: req.Name, Version: at.Version, OS: at.OS, Arch: at.Arch, Now: req.Now}
	if e := r.entry(ctx, at); e.Released != nil {
		want.Now = *e.Released
	}
	var verified *trust.Verified
	if key == nil {
		verified, err = trust.InsecureVerifyUnsigned(raw, want)
	} else {
		var policy *trust.Policy
		if policy, err = trust.NewPolicy(1, *key); err == nil {
			verified, err = trust.Verify(raw, policy, want)
		}
	}
	if err != nil {
		return nil, err
	}
	if verified.Legacy {
		return nil, fmt.Errorf("%w: the document is one of version 0.1.0, sign it first", trust.ErrUnsigned)
	}

	return &base{at: at, release: verified.Release}, nil
}

// patch is one patch in the making.
type patch struct {
	*base
	to   *addition
	name string // in the private directory
	made *trust.Artifact
	told string // why there is none
}

// patchAll makes the patches of all additions, one for each core at a time: a
// diff takes many times the memory that its files do.
func (t *transaction) patchAll(ctx context.Context, adds []*addition, req *AddRequest, m *meter) error {
	var all []*patch
	for _, a := range adds {
		for k, b := range a.bases {
			all = append(all, &patch{base: b, to: a, name: fmt.Sprintf("%d-%d.patch", a.n, k)})
		}
	}
	err := forEach(ctx, len(all), cpus(), func(ctx context.Context, i int) error {
		p := all[i]
		if err := t.patch(ctx, req.Files[p.to.n], p, m); err != nil {
			return fmt.Errorf("patching from %s: %w", p.at, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.made == nil {
			p.to.warnings = append(p.to.warnings, p.told)
			continue
		}
		p.to.add(*p.made, path.Join(t.work, p.name), patchSuffix(p.at.Version))
	}

	return nil
}

func (t *transaction) patch(ctx context.Context, f File, p *patch, m *meter) error {
	to := p.to.packed
	if p.release.Hash == to.hash {
		m.add(2 * to.size)
		p.told = fmt.Sprintf("no patch from %s: it is the same binary", p.at)
		return nil
	}
	old, err := binaryOf(ctx, local{t.repo}, p.at, &p.release)
	if err != nil {
		return err
	}
	fresh, err := reread(ctx, f.Path, to)
	if err != nil {
		return err
	}
	out, err := t.create(p.name)
	if err != nil {
		return err
	}
	defer out.Close()

	file, told := newMeasure(), int64(0)
	err = diff.Write(ctx, io.MultiWriter(out, file), old, fresh, func(done, total int64) {
		is := int64(float64(done) / float64(total) * float64(to.size))
		m.add(is - told)
		told = is
	})
	if err != nil {
		return err
	}
	m.add(to.size - told)
	if least := to.smallest(); file.size > least*worthwhile/100 {
		m.add(to.size)
		p.told = fmt.Sprintf("no patch from %s: with %d bytes it would save less than %d %% of the %d bytes that a client fetches without it",
			p.at, file.size, 100-worthwhile, least)
		return nil
	}

	err = t.do("read", p.name, func() error {
		return applies(ctx, bytes.NewReader(old), int64(len(old)), out, file.size, to.size, to.hash, m)
	})
	if err != nil {
		return fmt.Errorf("applying the patch: %w", err)
	}
	p.made = &trust.Artifact{Encoding: patchEncoding, From: p.release.Hash, Size: file.size, Hash: file.sum()}

	return t.finish(out)
}

// smallest is the size of the artifact that costs a client least.
func (p *packed) smallest() int64 {
	least := p.artifacts[0].Size
	for _, a := range p.artifacts {
		if a.From == "" {
			least = min(least, a.Size)
		}
	}

	return least
}

// reread returns what was packed.
func reread(ctx context.Context, name string, as *packed) ([]byte, error) {
	in, err := openInput(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var b bytes.Buffer
	b.Grow(int(as.size) + bytes.MinRead)
	got := newMeasure()
	if _, err := io.Copy(io.MultiWriter(&b, got), io.LimitReader(cancellable{ctx, in}, as.size+1)); err != nil {
		return nil, err
	}
	if got.sum() != as.hash {
		return nil, fmt.Errorf("%w: %q changed while it was packed", ErrInput, name)
	}

	return b.Bytes(), nil
}

// applies checks as a client does that a patch makes the binary.
func applies(ctx context.Context, old io.ReaderAt, oldSize int64, patch io.ReaderAt, patchSize, size int64, hash string, m *meter) error {
	got := newMeasure()
	err := bsdiff.Apply(ctx, io.MultiWriter(got, m), old, oldSize, patch, patchSize, size)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, bsdiff.ErrCorrupt), errors.Is(err, bsdiff.ErrSize):
		return fmt.Errorf("%w: %w", ErrHash, err)
	case err != nil:
		return err
	case got.sum() != hash:
		return fmt.Errorf("%w: it makes a binary with hash %s instead of %s", ErrHash, got.sum(), hash)
	}

	return nil
}

// binaryOf unfolds a published release, from the first artifact that can be.
// Both the artifact and what it unfolds to are what the document says.
func binaryOf(ctx context.Context, src source, l Location, r *trust.Release) ([]byte, error) {
	i := slices.IndexFunc(r.Artifacts, full)
	if i < 0 {
		return nil, fmt.Errorf("%w: it has no artifact that can be unfolded", ErrHash)
	}
	a := r.Artifacts[i]
	f, err := src.artifact(ctx, l, a.Path, a.Size)
	if err == nil {
		defer f.Close()
		err = intact(ctx, f, a)
	}
	var b bytes.Buffer
	if err == nil {
		err = decodesInto(ctx, f, &b, a.Encoding, r)
	}
	if err != nil {
		return nil, fmt.Errorf("artifact %s: %w", a.Path, err)
	}

	return b.Bytes(), nil
}

// older returns the binary with a hash, of a release for the same platform, or
// nil when there is none. Most likely it is one of those just before l.
func (s local) older(ctx context.Context, l Location, hash string) ([]byte, error) {
	all, _, err := s.locations(Filter{OS: l.OS, Arch: l.Arch})
	if err != nil {
		return nil, err
	}
	at := slices.Index(all, l) + 1
	for _, other := range slices.Backward(append(slices.Clone(all[at:]), all[:at]...)) {
		e := s.entry(ctx, other)
		if e.Hash != hash || e.Released == nil {
			continue
		}
		raw, err := s.readDocument(ctx, other)
		if err != nil {
			return nil, err
		}
		want := trust.Want{Version: other.Version, OS: other.OS, Arch: other.Arch, Now: *e.Released}
		verified, err := trust.InsecureVerifyUnsigned(raw, want)
		if err != nil || verified.Release.Hash != hash {
			continue
		}
		// A damaged one is told of where it is checked itself.
		if old, err := binaryOf(ctx, s, other, &verified.Release); err == nil {
			return old, nil
		}
	}

	return nil, ctx.Err()
}

// older is not asked of a repository that cannot be listed.
func (s remote) older(context.Context, Location, string) ([]byte, error) { return nil, nil }
