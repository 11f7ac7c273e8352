// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

// Published is a release that a transaction published or signed.
type Published struct {
	Location
	Document  string           `json:"document"`
	Name      string           `json:"name"`
	Hash      string           `json:"hash"`
	Size      int64            `json:"size"`
	Released  time.Time        `json:"released"`
	Expires   time.Time        `json:"expires"`
	Artifacts []trust.Artifact `json:"artifacts"` // paths are relative to the document
	Key       string           `json:"key,omitempty"`
	Replaced  bool             `json:"replaced,omitempty"`
	Already   bool             `json:"already,omitempty"` // nothing was to be done; the document did not change
	Warnings  []string         `json:"warnings,omitempty"`
}

func publishedOf(r *trust.Release, at Location, key *trust.Key) Published {
	p := Published{
		Location: at, Document: at.document(), Name: r.Name, Hash: r.Hash, Size: r.Size,
		Released: r.Released, Expires: r.Expires, Artifacts: r.Artifacts,
	}
	if key != nil {
		p.Key = key.ID()
	}

	return p
}

// Add publishes binaries: all of them, or, after an error, none.
//
// A release that is published already with the same binary and product, and signed by
// the same key, stays as it is: an Add that was killed can be repeated.
//
// It returns [ErrRequest] or trust.ErrMalformed before it touches the disk if the
// request is invalid, [ErrExists] if another release is already published there and
// Force is not set, [ErrInput] for a file that cannot be published, and
// trust.ErrExpired for dates that clients would refuse.
func (r *Repository) Add(ctx context.Context, req AddRequest) ([]Published, error) {
	if err := req.complete(); err != nil {
		return nil, err
	}
	key, err := keyOf(ctx, req.Signer)
	if err != nil {
		return nil, err
	}
	out, err := r.transact(ctx, req.TUF.TrustedRoot, func(t *transaction) ([]Published, error) { return t.add(ctx, &req, key) })
	if err != nil {
		return nil, fmt.Errorf("publishing: %w", err)
	}
	if !comparableVersion(req.Version) {
		out[0].Warnings = append(out[0].Warnings, fmt.Sprintf("version %q is not a semantic version: clients cannot detect a downgrade", req.Version))
	}

	return out, nil
}

func keyOf(ctx context.Context, signer signature.Signer) (*trust.Key, error) {
	if signer == nil {
		return nil, nil
	}
	key, err := signing.PublicKey(ctx, signer)
	if err != nil {
		return nil, err
	}

	return &key, nil
}

func (t *transaction) add(ctx context.Context, req *AddRequest, key *trust.Key) ([]Published, error) {
	// What can be refused is refused before minutes of compression.
	if err := t.repo.refuseCaseTwin(req.Version); err != nil {
		return nil, err
	}
	var all, fresh []*pendingRelease
	for i, f := range req.Files {
		p := &pendingRelease{t: t, n: i, at: f.at(req.Version)}
		if err := p.find(ctx, f, req, key); err != nil {
			return nil, err
		}
		all = append(all, p)
		if !p.done {
			fresh = append(fresh, p)
		}
	}
	md, err := t.releasing(ctx, releasing{req.TUF, req.Signer, req.Now})
	if err != nil {
		return nil, err
	}
	m, err := t.pending(ctx, fresh, req, key)
	if err != nil {
		return nil, err
	}

	// All cores are busy, with no more files in memory than that takes.
	atOnce := max(min(len(fresh), cpus()), 1)
	err = forEach(ctx, len(fresh), atOnce, func(ctx context.Context, i int) (err error) {
		p := fresh[i]
		p.build, err = t.build(ctx, req.Files[p.n], p.n, req, cpus()/atOnce, m)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := t.makePatches(ctx, fresh, req, m); err != nil {
		return nil, err
	}

	return t.publish(ctx, all, req, key, md)
}

// pending opens everything that is needed, and measures the work.
func (t *transaction) pending(ctx context.Context, releases []*pendingRelease, req *AddRequest, key *trust.Key) (*meter, error) {
	m := &meter{report: req.Progress}
	for _, p := range releases {
		f := req.Files[p.n]
		var err error
		if p.bases, p.warnings, err = t.repo.patchBases(ctx, f, req, key); err != nil {
			return nil, err
		}
		sources, err := req.sources(f)
		if err != nil {
			return nil, err
		}
		in, err := openInput(f.Path)
		if err != nil {
			return nil, err
		}
		size := in.before.Size()
		_ = in.Close()
		m.total += size
		m.work += 2 * size * int64(len(p.bases))
		for _, s := range sources {
			m.work += size
			if s.file == "" { // compressed here, and then decompressed
				m.work += size
			}
		}
	}

	return m, nil
}

func (t *transaction) publish(ctx context.Context, releases []*pendingRelease, req *AddRequest, key *trust.Key, md *metadata) ([]Published, error) {
	var artifacts, documents []*rename
	raw := map[Location][]byte{} // also of what is done: the metadata may lack it
	for _, p := range releases {
		if !p.done {
			if err := p.describe(ctx, req, key); err != nil {
				return nil, fmt.Errorf("%s: %w", p.at, err)
			}
			artifacts, documents = append(artifacts, p.moves...), append(documents, p.document)
		}
		raw[p.at] = p.raw
	}
	if err := md.change(ctx, raw); err != nil {
		return nil, err
	}
	if err := t.commitWith(ctx, md, artifacts, documents); err != nil {
		return nil, err
	}

	out := make([]Published, 0, len(releases))
	for _, p := range releases {
		out = append(out, p.out)
	}

	return out, nil
}

// refuseCaseTwin refuses a version whose directory is the same as that of another
// version on file systems that ignore case (T12).
func (r *Repository) refuseCaseTwin(version string) error {
	entries, err := r.readDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != version && strings.EqualFold(e.Name(), version) {
			return fmt.Errorf("%w: version %q differs from the existing %q only in case", trust.ErrMalformed, version, e.Name())
		}
	}

	return nil
}
