// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"

	"github.com/choria-io/go-updater/internal/tuf/publish"
)

// RotateTUF drafts the next root, or the next targets metadata, with other keys. If
// o.Signers are enough for the draft, it is published, and the other roles are signed
// as far as there are signers for them.
func (r *Repository) RotateTUF(ctx context.Context, o TUF, rotation publish.Rotation) (*TUFChange, error) {
	return r.changeTUF(ctx, o, rotation.Now, func(m *metadata) ([]*publish.Draft, error) {
		draft, err := m.state.Rotate(rotation)
		if err != nil {
			return nil, err
		}
		for _, s := range m.signers {
			err := draft.Sign(ctx, s, m.state.Authority())
			if err != nil && !errors.Is(err, publish.ErrKey) {
				return nil, err
			}
		}
		return []*publish.Draft{draft}, nil
	})
}
