// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/trust"
)

// View is metadata that was consistent and verified at one time. It is not safe for
// concurrent use, nor together with other calls on its client.
type View struct{ run *run }

// Target is what the metadata says of a target file.
type Target struct {
	Path   string   // as the metadata has it, with slashes
	File   string   // its place in the repository, relative to that of targets
	Length int64    // in bytes
	By     []string // ids of the keys that signed the role that lists it, see trust.Key.ID

	// Trusted names the keys and thresholds of all roles that could vouch for it,
	// from the top down. It is equal for equal ones.
	Trusted string

	info *metadata.TargetFiles
}

// Verify tells whether data is the target file, or fails with trust.ErrMismatch.
func (t *Target) Verify(data []byte) error {
	if err := guard(func() error { return t.info.VerifyLengthHashes(data) }); err != nil {
		return fmt.Errorf("%w: target %q: %w", trust.ErrMismatch, t.Path, err)
	}
	return nil
}

// Versions are those of root, timestamp, snapshot and targets.
func (v *View) Versions() (root, timestamp, snapshot, targets int64) {
	return v.run.root.Version, v.run.stamp.Version, v.run.snapshot.Version, v.run.delegated[metadata.TARGETS].md.Signed.Version
}

// visit is a role that is to be asked.
type visit struct {
	role    string
	voucher voucher
	trusted string
}

// Target looks a target file up, asking the delegated roles whose business it is
// in order, each before the next and after the one that delegates to it (§5.6.7). A
// role that cannot be had or does not verify ends the search with that refusal. A
// target that nobody lists is a fetch.ErrNotFound.
func (v *View) Target(ctx context.Context, target string) (*Target, error) {
	top := rootVoucher(v.run.root, metadata.TARGETS)
	todo := []visit{{metadata.TARGETS, top, top.String()}}
	visited := map[string]bool{}
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		if visited[next.role] {
			continue
		}
		if len(visited) == maxRoles {
			return nil, fmt.Errorf("target %q: %w in the first %d roles", target, fetch.ErrNotFound, maxRoles)
		}
		visited[next.role] = true
		d, err := v.run.load(ctx, next.role, next.voucher)
		if err != nil {
			return nil, fmt.Errorf("looking for target %q: %w", target, err)
		}
		if info := d.md.Signed.Targets[target]; info != nil {
			return v.found(target, info, d.by, next.trusted), nil
		}
		children, ends := delegations(&d.md.Signed, target, next.trusted)
		if ends {
			todo = nil
		}
		todo = append(children, todo...)
	}
	return nil, fmt.Errorf("target %q: %w", target, fetch.ErrNotFound)
}

func (v *View) found(target string, info *metadata.TargetFiles, by []string, trusted string) *Target {
	t := &Target{Path: target, File: target, Length: info.Length, By: by, Trusted: trusted, info: info}
	if v.run.root.ConsistentSnapshot {
		hash := info.Hashes["sha256"]
		if hash == nil {
			hash = info.Hashes["sha512"]
		}
		dir, base := path.Split(target)
		t.File = dir + hex.EncodeToString(hash) + "." + base
	}
	return t
}

// delegations are the roles that a role asks about a target, up to the first that
// is terminating. ends says that there was one: then nobody else is asked.
func delegations(t *metadata.TargetsType, target, trusted string) (todo []visit, ends bool) {
	d := t.Delegations
	if d == nil {
		return nil, false
	}
	if s := d.SuccinctRoles; s != nil {
		v := newVoucher(d.Keys, s.KeyIDs, s.Threshold)
		for _, role := range s.GetRolesForTarget(target) {
			todo = append(todo, visit{role.Name, v, trusted + ", " + v.String()})
		}
		return todo, true // all of TAP 15 are
	}
	for _, role := range d.Roles {
		if !delegates(&role, target) {
			continue
		}
		v := newVoucher(d.Keys, role.KeyIDs, role.Threshold)
		todo = append(todo, visit{role.Name, v, trusted + ", " + v.String()})
		if role.Terminating {
			return todo, true
		}
	}
	return todo, false
}

// delegates tells whether a target is a role's business. The library compares
// path_hash_prefixes with base64, and matches as the system's file names do.
func delegates(role *metadata.DelegatedRole, target string) bool {
	for _, pattern := range role.Paths {
		if pathMatches(pattern, target) {
			return true
		}
	}
	sum := sha256.Sum256([]byte(target))
	hash := hex.EncodeToString(sum[:])
	for _, prefix := range role.PathHashPrefixes {
		if strings.HasPrefix(hash, prefix) {
			return true
		}
	}
	return false
}

// pathMatches: a wildcard does not match a slash (§4.5).
func pathMatches(pattern, target string) bool {
	matched, err := path.Match(pattern, target)
	return err == nil && matched
}
