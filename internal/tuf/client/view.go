// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf"
)

// maxAttempts bounds how often a call begins again because another process changed
// the store.
const maxAttempts = 4

// View is metadata that was consistent and verified at one time. It is not safe for
// concurrent use.
type View struct {
	client  *Client
	fetcher Fetcher
	run     *run
}

// Target is what the metadata says of a target file.
type Target struct {
	Path   string   // as the metadata has it, with slashes
	File   string   // its name in the repository, relative to the directory of targets
	Length int64    // in bytes
	By     []string // IDs of the keys that signed the role that lists it, see trust.Key.ID

	// Trusted names the keys and thresholds of all roles that could vouch for it,
	// from targets down. It is equal for equal ones.
	Trusted string

	info *metadata.TargetFiles
}

// Verify returns trust.ErrMismatch unless data is the target file.
func (t *Target) Verify(data []byte) error {
	if err := tuf.CheckTarget(t.info, data); err != nil {
		return fmt.Errorf("target %q: %w", t.Path, err)
	}
	return nil
}

// Versions returns those of root, timestamp, snapshot and targets.
func (v *View) Versions() (root, timestamp, snapshot, targets int64) {
	return v.run.root.Signed.Version, v.run.stamp.Signed.Version, v.run.snapshot.Signed.Version, v.run.roles[tuf.Targets].md.Signed.Version
}

// Target looks up a target file, in targets and in the roles that it delegates to,
// each after its delegator and in its order (§5.6.7). A role that cannot
// be downloaded or does not verify ends the search with that error. A target that no
// role lists is fetch.ErrNotFound.
//
// What was accepted is stored first. Target returns the errors of [Client.Refresh].
func (v *View) Target(ctx context.Context, path string) (target *Target, err error) {
	err = v.attempt(ctx, func(r *run) (err error) {
		target, err = r.search(ctx, path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return target, nil
}

// Save stores what was accepted so far. A caller that looks up no target calls it.
func (v *View) Save(ctx context.Context) error {
	return v.attempt(ctx, func(*run) error { return nil })
}

// attempt refreshes unless that is done, calls work and stores what was accepted.
// If another process stored something else in the meantime, all of it begins again.
// Without work, nothing is stored after a successful refresh.
func (v *View) attempt(ctx context.Context, work func(r *run) error) error {
	r := v.run
	for range maxAttempts {
		var err error
		if r == nil {
			r = v.client.newRun(v.fetcher)
			if err = r.refresh(ctx); err == nil {
				v.run = r
			}
		}
		if err == nil {
			if work == nil {
				return nil
			}
			err = work(r)
		}
		if err != nil && ctx.Err() != nil {
			return err
		}
		switch saveErr := r.save(ctx); {
		case errors.Is(saveErr, errRetry):
			r = nil
		case err == nil:
			return saveErr
		case saveErr != nil:
			return fmt.Errorf("%w; %w", err, saveErr)
		default:
			return err
		}
	}
	return fmt.Errorf("%w: other processes changed it during each of %d attempts; try again later", ErrState, maxAttempts)
}

// visit is a role that is to be searched.
type visit struct {
	tuf.Delegation
	trusted string
}

func (r *run) search(ctx context.Context, path string) (*Target, error) {
	top := r.keys(tuf.Targets)
	queue := []visit{{tuf.Delegation{Role: tuf.Targets, Keys: top}, top.String()}}
	visited := map[string]bool{}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		if visited[next.Role] {
			continue
		}
		if len(visited) == maxRoles {
			return nil, fmt.Errorf("target %q: %w in the first %d roles", path, fetch.ErrNotFound, maxRoles)
		}
		visited[next.Role] = true
		role, err := r.load(ctx, next.Delegation)
		if err != nil {
			return nil, fmt.Errorf("looking for target %q: %w", path, err)
		}
		if info := role.md.Signed.Targets[path]; info != nil {
			return r.found(path, info, role.by, next.trusted), nil
		}
		delegations, last := tuf.Delegations(&role.md.Signed, path)
		if last {
			queue = nil
		}
		children := make([]visit, len(delegations), len(delegations)+len(queue))
		for i, d := range delegations {
			children[i] = visit{d, next.trusted + ", " + d.Keys.String()}
		}
		queue = append(children, queue...)
	}
	return nil, fmt.Errorf("target %q: %w", path, fetch.ErrNotFound)
}

func (r *run) found(path string, info *metadata.TargetFiles, by []string, trusted string) *Target {
	t := &Target{Path: path, File: path, Length: info.Length, By: by, Trusted: trusted, info: info}
	if r.root.Signed.ConsistentSnapshot {
		hash := info.Hashes["sha256"]
		if hash == nil {
			hash = info.Hashes["sha512"]
		}
		t.File = layout.Hashed(path, hex.EncodeToString(hash))
	}
	return t
}
