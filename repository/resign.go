// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"fmt"

	"github.com/choria-io/go-updater/trust"
)

// publishedRelease is a published release that gets another signature.
type publishedRelease struct {
	at       Location
	raw      []byte // the document
	release  *trust.Release
	already  bool // the key has signed it
	warnings []string
}

// resignSteps are what Sign and Cosign do with each release.
type resignSteps struct {
	key   trust.Key
	check func(context.Context, *publishedRelease) error             // sets release and already
	sign  func(ctx context.Context, document []byte) ([]byte, error) // unless it is signed already
}

// resign checks all releases before it signs the first, and signs one at a time:
// the key may be a token that asks a person each time.
func (r *Repository) resign(ctx context.Context, f Filter, o releasing, steps resignSteps) ([]Published, error) {
	out, err := r.transact(ctx, o.TrustedRoot, func(t *transaction) ([]Published, error) {
		md, err := t.releasing(ctx, o)
		if err != nil {
			return nil, err
		}
		releases, err := r.publishedReleases(ctx, f)
		if err != nil {
			return nil, err
		}
		err = forEach(ctx, len(releases), cpus(), func(ctx context.Context, i int) error {
			if err := steps.check(ctx, releases[i]); err != nil {
				return fmt.Errorf("%s: %w", releases[i].at, err)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		return t.resign(ctx, md, releases, steps)
	})
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}

	return out, nil
}

func (t *transaction) resign(ctx context.Context, md *metadata, releases []*publishedRelease, steps resignSteps) ([]Published, error) {
	var out []Published
	var documents []*rename
	raw := map[Location][]byte{} // also of what is signed already: the metadata may lack it
	for i, p := range releases {
		done := publishedOf(p.release, p.at, &steps.key)
		done.Already, done.Warnings = p.already, p.warnings
		out = append(out, done)
		if !p.already {
			var err error
			if p.raw, err = steps.sign(ctx, p.raw); err != nil {
				return nil, fmt.Errorf("%s: %w", p.at, err)
			}
			m, err := t.prepare(fmt.Sprint(i), p.at.document(), p.raw)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.at, err)
			}
			documents = append(documents, m)
		}
		raw[p.at] = p.raw
	}
	if err := md.change(ctx, raw); err != nil {
		return nil, err
	}
	if err := t.commitWith(ctx, md, nil, documents); err != nil {
		return nil, err
	}

	return out, nil
}

func (r *Repository) publishedReleases(ctx context.Context, f Filter) ([]*publishedRelease, error) {
	locations, _, err := r.locations(f)
	if err != nil {
		return nil, err
	}
	if len(locations) == 0 {
		return nil, f.notFound()
	}
	out := make([]*publishedRelease, 0, len(locations))
	for _, l := range locations {
		p := &publishedRelease{at: l}
		if p.raw, err = r.readDocument(ctx, l); err != nil {
			return nil, fmt.Errorf("%s: %w", l, err)
		}
		out = append(out, p)
	}

	return out, nil
}

// accept takes what was verified, and checks the artifacts against it.
func (p *publishedRelease) accept(ctx context.Context, r *Repository, verified *trust.Verified) error {
	p.release = &verified.Release
	_, errs := (&VerifyRequest{MaxSize: maxUnknown}).checkArtifacts(ctx, local{r}, p.at, verified)
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(errs) > 0 {
		return errs[0]
	}

	return nil
}
