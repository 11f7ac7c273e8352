// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"fmt"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf/publish"
)

// InitTUF drafts the first root and the first targets metadata of a repository. It
// changes nothing for clients before the root is signed and RefreshTUF was called
// with the keys of the other roles. Drafts that are there already stay if they say the
// same, and expire a little earlier at most; otherwise it returns [ErrExists].
func (r *Repository) InitTUF(ctx context.Context, s publish.Setup) (*TUFChange, error) {
	root, targets, err := publish.Init(s)
	if err != nil {
		return nil, err
	}

	return r.changeTUF(ctx, TUF{}, s.Now, func(m *metadata) ([]*publish.Draft, error) {
		if m.state.Exists() {
			return nil, fmt.Errorf("%w: this repository has TUF metadata", ErrExists)
		}
		drafts := []*publish.Draft{root, targets}
		for i, there := range []*publish.Draft{m.state.RootDraft, m.state.TargetsDraft} {
			if there == nil {
				continue
			}
			if !there.Repeats(drafts[i], s.Now) {
				return nil, fmt.Errorf("%w: this repository has TUF metadata: %s says something else (remove it to start again)", ErrExists, layout.Metadata(there.Name()))
			}
			drafts[i], m.again = there, true // perhaps somebody has signed it
		}
		return drafts, nil
	})
}
