// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/trust"
)

// RefreshTUFRequest is what [Repository.RefreshTUF] signs with: keys of targets, bins,
// snapshot or timestamp.
type RefreshTUFRequest struct {
	TUF TUF
	Now time.Time

	// DropMissing removes releases from the metadata that are not in the repository
	// any longer. It needs the key of the bins.
	DropMissing bool

	// LostTimestamp makes a new timestamp.json if no copy of it exists any more.
	LostTimestamp bool
}

// RefreshTUF writes the metadata that is missing, differs from the repository, or has
// less than a third of its validity left, as far as it can be signed. With the key of
// the bins, it adds releases that this key signed.
func (r *Repository) RefreshTUF(ctx context.Context, req RefreshTUFRequest) (*TUFChange, error) {
	if len(req.TUF.Signers) == 0 || req.Now.IsZero() {
		return nil, fmt.Errorf("%w: a refresh needs a key and the time", ErrRequest)
	}
	const doing = "refreshing TUF metadata: %w"
	t, err := r.begin(ctx, req.TUF.TrustedRoot)
	if err != nil {
		return nil, fmt.Errorf(doing, err)
	}
	out := &TUFChange{}
	req.TUF.lostTimestamp = req.LostTimestamp
	m, err := t.metadata(ctx, req.TUF, req.Now)
	if err == nil {
		err = m.refresh(ctx, req)
	}
	if err == nil {
		err = t.commitWith(ctx, m, nil, nil)
	}
	t.close()
	if err != nil {
		return nil, fmt.Errorf(doing, err)
	}
	out.take(m.result)
	out.Warnings = t.warnings

	return out, nil
}

func (m *metadata) refresh(ctx context.Context, req RefreshTUFRequest) error {
	u := publish.Update{Now: m.now, Signers: m.signers, Current: m.t.repo.current, DropMissing: req.DropMissing, Set: map[string]publish.Target{}}
	bins := m.state.SignsBins(m.signers)
	if req.DropMissing && !bins {
		return fmt.Errorf("%w: to drop releases, the bins have to be signed", publish.ErrNeedsKey)
	}
	var unsigned map[string]string
	if bins {
		var err error
		if unsigned, err = m.addSigned(ctx, &u); err != nil {
			return err
		}
	}
	if err := m.update(ctx, u); err != nil {
		return err
	}
	for _, name := range sortedKeys(unsigned) {
		current, _, err := m.t.repo.current(ctx, name)
		if err != nil {
			return err
		}
		if m.result.Targets[name] != current {
			m.warnings = append(m.warnings, fmt.Sprintf("%s is not in the metadata: %s", name, unsigned[name]))
		}
	}
	for _, name := range sortedKeys(u.Set) {
		l, _ := locationOf(name)
		raw, err := m.t.repo.readDocument(ctx, l)
		if err == nil {
			err = m.copy(ctx, l, raw)
		}
		if err != nil {
			return err
		}
	}

	return m.writeMissingCopies(ctx, u.Set)
}

// writeMissingCopies writes copies that are missing after a power failure or a
// deletion, if their releases are here.
func (m *metadata) writeMissingCopies(ctx context.Context, done map[string]publish.Target) error {
	for _, name := range sortedKeys(m.result.Targets) {
		if _, ok := done[name]; ok {
			continue
		}
		target := m.result.Targets[name]
		_, err := m.t.repo.root.Lstat(target.Copy(name))
		if !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		l, ok := locationOf(name)
		if !ok {
			continue
		}
		raw, err := m.t.repo.readDocument(ctx, l)
		if errors.Is(err, ErrMissing) || err == nil && publish.TargetOf(raw) != target {
			continue // verify reports it
		}
		if err == nil {
			err = m.artifact(&m.copies, target.Copy(name), raw)
		}
		if err != nil {
			return err
		}
	}

	return nil
}

// addSigned adds every release that a key of the bins has signed: that key vouched
// for it already. It returns the other releases, and why they are not added.
func (m *metadata) addSigned(ctx context.Context, u *publish.Update) (map[string]string, error) {
	var keys []trust.Key
	for _, s := range m.signers {
		if m.state.SignsReleases(s.Key()) && !slices.Contains(keys, s.Key()) {
			keys = append(keys, s.Key())
		}
	}
	policy, err := trust.NewPolicy(1, keys...)
	if err != nil {
		return nil, err
	}
	locations, _, err := m.t.repo.locations(Filter{})
	if err != nil {
		return nil, err
	}
	others := map[string]string{}
	for _, l := range locations {
		raw, err := m.t.repo.readDocument(ctx, l)
		if err != nil {
			return nil, err
		}
		if _, err := trust.Verify(raw, policy, trust.Want{Version: l.Version, OS: l.OS, Arch: l.Arch, Now: m.now}); err != nil {
			others[l.document()] = err.Error()
			continue
		}
		u.Set[l.document()] = publish.TargetOf(raw)
	}

	return others, nil
}
