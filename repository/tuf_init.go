// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"fmt"

	"github.com/choria-io/go-updater/internal/tuf/publish"
)

// InitTUF drafts the first root and the first targets metadata of a repository. It
// changes nothing for clients before the root is signed and RefreshTUF was called
// with the keys of the other roles.
func (r *Repository) InitTUF(ctx context.Context, s publish.Setup) (*TUFChange, error) {
	root, targets, err := publish.Init(s)
	if err != nil {
		return nil, err
	}

	return r.changeTUF(ctx, TUF{}, s.Now, func(m *metadata) ([]*publish.Draft, error) {
		if m.state.Exists() || m.state.RootDraft != nil || m.state.TargetsDraft != nil {
			return nil, fmt.Errorf("%w: this repository has TUF metadata", ErrExists)
		}
		return []*publish.Draft{root, targets}, nil
	})
}
