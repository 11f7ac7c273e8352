// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"fmt"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

type (
	timestampType = metadata.TimestampType
	snapshotType  = metadata.SnapshotType
	targetsType   = metadata.TargetsType
)

// soundness is how good a stored file is.
type soundness int

const (
	absent     soundness = iota
	damaged              // it verifies under no root
	superseded           // it verifies under an earlier root only
	sound
)

// storedFile is stored metadata of a top-level role. data, md and by are set if it
// is sound.
type storedFile[T metadata.Roles] struct {
	state soundness
	data  []byte
	md    *metadata.Metadata[T]
	by    []string // IDs of the keys that signed
}

func stored[T metadata.Roles](r *run, role string) (f storedFile[T], err error) {
	name := tuf.StoredName(role)
	data, gone, err := r.read(name, tuf.Limit(role))
	if err != nil || gone {
		return f, err
	}
	md, parseErr := tuf.Parse[T](data)
	if parseErr == nil {
		for i := len(r.roots) - 1; i >= 0; i-- {
			by, verifyErr := tuf.Verify(tuf.RootKeyring(&r.roots[i].Signed, role), md)
			switch {
			case verifyErr != nil:
				continue
			case i == len(r.roots)-1:
				return storedFile[T]{sound, data, md, by}, nil
			}
			f.state = superseded
			return f, nil
		}
		parseErr = trust.ErrSignature
	}
	r.note("a stored file is damaged; downloading it again", "file", name, "error", parseErr)
	f.state = damaged
	return f, nil
}

// updateTimestamp is §5.4.
func (r *run) updateTimestamp(ctx context.Context) error {
	old, err := stored[timestampType](r, tuf.Timestamp)
	if err != nil {
		return err
	}
	keys := r.keys(tuf.Timestamp)
	if old.md != nil {
		r.floors.RaiseTimestamp(keys, &old.md.Signed, old.by)
	}
	data, err := r.fetch(ctx, tuf.TimestampFile, tuf.MaxTimestamp)
	if err != nil {
		return err
	}
	next, err := tuf.Parse[timestampType](data)
	if err != nil {
		return fmt.Errorf("%s: %w", tuf.TimestampFile, err)
	}
	by, err := tuf.Verify(keys, next)
	if err != nil {
		return fmt.Errorf("%s: %w", tuf.TimestampFile, err)
	}
	// Of several timestamps with one version the first is kept (§5.4.3.1).
	same := old.md != nil && next.Signed.Version == old.md.Signed.Version
	if same {
		next, by = old.md, old.by
	}
	if err := r.floors.CheckTimestamp(keys, &next.Signed); err != nil {
		return err
	}
	if err := r.checkExpiry(tuf.Timestamp, next.Signed.Expires); err != nil {
		return err
	}
	r.floors.RaiseTimestamp(keys, &next.Signed, by)
	r.stamp = next
	if !same {
		r.write(tuf.StoredName(tuf.Timestamp), data)
	}
	return nil
}

// updateSnapshot is §5.5.
func (r *run) updateSnapshot(ctx context.Context) error {
	old, err := stored[snapshotType](r, tuf.Snapshot)
	if err != nil {
		return err
	}
	want := tuf.SnapshotOf(&r.stamp.Signed)
	if old.md != nil && old.md.Signed.Version == want.Version && tuf.CheckFile(want, old.data) == nil {
		return r.acceptSnapshot(old.md, old.by)
	}
	name := r.fileName(tuf.Snapshot, want.Version)
	data, err := r.fetchNamed(ctx, name, want, tuf.MaxSnapshot)
	if err != nil {
		return err
	}
	next, err := tuf.Parse[snapshotType](data)
	var by []string
	if err == nil {
		by, err = tuf.Verify(r.keys(tuf.Snapshot), next)
	}
	if err == nil {
		err = tuf.CheckIs(want.Version, next)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if old.md != nil {
		if err := tuf.CheckSuccessor(&old.md.Signed, &next.Signed); err != nil {
			return err
		}
	}
	if err := r.acceptSnapshot(next, by); err != nil {
		return err
	}
	r.write(tuf.StoredName(tuf.Snapshot), data)
	return nil
}

func (r *run) acceptSnapshot(md *tuf.SnapshotMeta, by []string) error {
	if err := r.floors.CheckSnapshot(r.keys(tuf.Snapshot), &md.Signed); err != nil {
		return err
	}
	if err := r.checkExpiry(tuf.Snapshot, md.Signed.Expires); err != nil {
		return err
	}
	r.floors.SetSnapshot(&md.Signed, by)
	r.snapshot = md
	return nil
}

func (r *run) updateTargets(ctx context.Context) error {
	_, err := r.load(ctx, tuf.Delegation{Role: tuf.Targets, Keys: r.keys(tuf.Targets)})
	return err
}

// load returns a targets role that verified for one of its delegators (§5.6). It
// is verified again for a delegator with other keys.
func (r *run) load(ctx context.Context, d tuf.Delegation) (*role, error) {
	want, err := r.named(d.Role)
	if err != nil {
		return nil, err
	}
	if known := r.roles[d.Role]; known != nil {
		keys := d.Keys.String()
		if keys == known.keys {
			return known, nil
		}
		by, err := tuf.Verify(d.Keys, known.md)
		if err != nil {
			return nil, fmt.Errorf("role %q: %w", d.Role, err)
		}
		return &role{known.md, by, keys}, nil
	}
	name := tuf.StoredName(d.Role)
	data, gone, err := r.read(name, tuf.MaxTargets)
	if err != nil {
		return nil, err
	}
	if !gone {
		// What does not verify is downloaded again: it may just be older.
		if known, err := verifyRole(d.Keys, want, data); err == nil && r.checkExpiry(d.Role, known.md.Signed.Expires) == nil {
			r.accept(d.Role, known)
			return known, nil
		}
	}
	known, data, err := r.fetchRole(ctx, d)
	if err != nil {
		return nil, err
	}
	if err := r.checkExpiry(d.Role, known.md.Signed.Expires); err != nil {
		return nil, err
	}
	r.accept(d.Role, known)
	r.write(name, data)
	return known, nil
}

func (r *run) accept(name string, known *role) {
	r.roles[name] = known
	r.floors.SetRole(name, known.md.Signed.Version)
}

// named returns what the snapshot says of a targets role.
func (r *run) named(role string) (*metadata.MetaFiles, error) {
	want := r.snapshot.Signed.Meta[role+".json"]
	if want == nil {
		return nil, fmt.Errorf("%w: snapshot %d does not name role %q", trust.ErrMismatch, r.snapshot.Signed.Version, role)
	}
	return want, nil
}

// fetchRole downloads and verifies a targets role. It changes nothing in r.
func (r *run) fetchRole(ctx context.Context, d tuf.Delegation) (*role, []byte, error) {
	want, err := r.named(d.Role)
	if err != nil {
		return nil, nil, err
	}
	name := r.fileName(d.Role, want.Version)
	data, err := r.fetchNamed(ctx, name, want, tuf.MaxTargets)
	if err != nil {
		return nil, nil, err
	}
	known, err := verifyRole(d.Keys, want, data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return known, data, nil
}

func verifyRole(keys tuf.Keyring, want *metadata.MetaFiles, data []byte) (*role, error) {
	if err := tuf.CheckFile(want, data); err != nil {
		return nil, err
	}
	md, err := tuf.Parse[targetsType](data)
	if err != nil {
		return nil, err
	}
	by, err := tuf.Verify(keys, md)
	if err != nil {
		return nil, err
	}
	if err := tuf.CheckIs(want.Version, md); err != nil {
		return nil, err
	}
	return &role{md, by, keys.String()}, nil
}

// fetchNamed downloads metadata that other metadata names: at most as many bytes as
// that declares, or limit, whichever is less.
func (r *run) fetchNamed(ctx context.Context, name string, want *metadata.MetaFiles, limit int64) ([]byte, error) {
	if want.Length > limit {
		return nil, fmt.Errorf("%s: %w: %d bytes are declared, %d are allowed", name, fetch.ErrTooLarge, want.Length, limit)
	}
	if want.Length > 0 {
		limit = want.Length
	}
	data, err := r.fetch(ctx, name, limit)
	if err != nil {
		return nil, err
	}
	if err := tuf.CheckFile(want, data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

// fileName returns the name of a role's metadata in the repository (§3, §6.2).
func (r *run) fileName(role string, version int64) string {
	if r.root.Signed.ConsistentSnapshot {
		return tuf.FileName(version, role)
	}
	return role + ".json"
}
