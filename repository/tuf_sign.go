// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/internal/tuf/publish"
)

// SignTUFRequest is what [Repository.SignTUF] signs with.
type SignTUFRequest struct {
	// Signer signs every draft that its key may sign. Without it the drafts are only
	// described.
	Signer signature.Signer

	// Show, if set, is called with what a draft says before the key signs it. After an
	// error nothing is signed.
	Show func(publish.Summary) error

	// Copies are drafts that other key holders signed elsewhere.
	Copies [][]byte

	// TUF has keys for the other roles, which are signed once a draft is complete.
	TUF TUF
	Now time.Time
}

var errNoDraft = fmt.Errorf("%w: nothing waits for a signature", publish.ErrDraft)

// SignTUF signs the drafts in the repository. A draft with all signatures that it
// needs is published.
func (r *Repository) SignTUF(ctx context.Context, req SignTUFRequest) (*TUFChange, error) {
	return r.changeTUF(ctx, req.TUF, req.Now, func(m *metadata) ([]*publish.Draft, error) {
		drafts := slices.DeleteFunc([]*publish.Draft{m.state.RootDraft, m.state.TargetsDraft}, func(d *publish.Draft) bool { return d == nil })
		if len(drafts) == 0 && (!m.t.interrupted || req.Signer == nil) {
			return nil, errNoDraft
		}
		if err := m.merge(drafts, req.Copies); err != nil {
			return nil, err
		}
		if req.Signer == nil {
			return drafts, nil
		}
		signer, err := publish.NewSigner(ctx, req.Signer)
		if err != nil {
			return nil, err
		}
		return drafts, m.sign(ctx, drafts, signer, req.Show)
	})
}

func (m *metadata) sign(ctx context.Context, drafts []*publish.Draft, signer *publish.Signer, show func(publish.Summary) error) error {
	var refused error
	signed := 0
	for _, d := range drafts {
		err := d.MaySign(signer.Key(), m.state.Authority())
		if err == nil {
			if show != nil {
				if err := show(m.state.Summary(d)); err != nil {
					return err
				}
			}
			err = d.Sign(ctx, signer, m.state.Authority())
		}
		switch {
		case err == nil:
			signed++
		// ErrMissing is that of a targets draft before the first root.
		case errors.Is(err, publish.ErrKey), errors.Is(err, publish.ErrMissing):
			refused = cmp.Or(refused, err)
		default:
			return err
		}
	}
	if signed > 0 {
		return nil
	}
	// A command that was killed may have published the draft.
	if m.again = m.t.interrupted && m.state.HasSigned(signer.Key()); m.again {
		return nil
	}

	return cmp.Or(refused, errNoDraft)
}

func (m *metadata) merge(drafts []*publish.Draft, copies [][]byte) error {
	for _, raw := range copies {
		other, err := publish.ParseDraft(raw)
		if err != nil {
			return fmt.Errorf("reading the copy: %w", err)
		}
		at := slices.IndexFunc(drafts, func(d *publish.Draft) bool { return d.Name() == other.Name() })
		if at < 0 {
			return fmt.Errorf("%w: the copy is of %s, which this repository does not have", publish.ErrDraft, other.Name())
		}
		if _, err := drafts[at].Merge(other, m.state.Authority()); err != nil {
			return err
		}
	}

	return nil
}
