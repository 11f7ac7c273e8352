// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

// Fetcher asks a repository.
type Fetcher interface {
	// Fetch returns the file called name of the repository's metadata, or fails
	// with fetch.ErrTooLarge when it is longer than limit. name is plain: whoever
	// makes a URL of it escapes it, slashes included. That there is no such file
	// is a fetch.ErrNotFound or fetch.ErrForbidden.
	Fetch(ctx context.Context, name string, limit int64) ([]byte, error)
}

// Client knows whom it trusts and what it has seen. Two calls on one Store must
// not run at once.
type Client struct {
	Root  []byte // root.json that the program brings
	Store Store
	Now   func() time.Time

	// Note is told what was made good and what a person may want to look at.
	Note func(message string, args ...any)
}

// CheckRoot tells whether a program can bring this root.json.
func CheckRoot(root []byte) error {
	_, err := parseAnchor(root)
	return err
}

func parseAnchor(data []byte) (*metadata.Metadata[metadata.RootType], error) {
	md, err := parse[metadata.RootType](data)
	if err == nil {
		_, err = verify(rootVoucher(&md.Signed, metadata.ROOT), metadata.ROOT, md)
	}
	if err != nil {
		return nil, fmt.Errorf("the root that the program brings: %w", err)
	}
	return md, nil
}

// Refresh brings the top-level metadata up to date (§5.3 to §5.6).
func (c *Client) Refresh(ctx context.Context, f Fetcher) (*View, error) { return c.view(ctx, f) }

// Load is Refresh from what is remembered: it asks nobody, and fails with the
// refusal that what is remembered would meet now, or with fetch.ErrNotFound when
// something is missing. It writes nothing.
func (c *Client) Load(ctx context.Context) (*View, error) { return c.view(ctx, nil) }

func (c *Client) view(ctx context.Context, f Fetcher) (*View, error) {
	r := &run{Client: c, fetcher: f, delegated: map[string]*delegated{}}
	for _, step := range []func(context.Context) error{r.begin, r.updateRoot, r.checkLost, r.updateTimestamp, r.updateSnapshot, r.updateTargets} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	r.floors.seen = r.now
	return &View{r}, r.saveFloors()
}

// run is one call.
type run struct {
	*Client
	fetcher Fetcher // nil: nobody is asked
	now     time.Time

	floors    *floors
	lost      bool   // there is no telling what floors said
	stored    string // as floors lie in the store
	roots     []*metadata.Metadata[metadata.RootType]
	root      *metadata.RootType // the last of them
	stamp     *metadata.TimestampType
	snapshot  *metadata.SnapshotType
	delegated map[string]*delegated // by role, targets among them
}

// delegated is a targets role that verified for one of those who delegate to it.
type delegated struct {
	md *metadata.Metadata[metadata.TargetsType]
	by []string
}

var errNobodyAsked = fmt.Errorf("%w: not among what is remembered", fetch.ErrNotFound)

func (r *run) fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	if r.fetcher == nil {
		return nil, fmt.Errorf("%s: %w", name, errNobodyAsked)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	data, err := r.fetcher.Fetch(ctx, name, limit)
	if err == nil && int64(len(data)) > limit {
		err = fetch.ErrTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

// note is not for Load, which makes nothing good.
func (r *run) note(message string, args ...any) {
	if r.Note != nil && r.fetcher != nil {
		r.Note(message, args...)
	}
}

// begin reads the root that the program brings and the floors, and the clock.
func (r *run) begin(context.Context) error {
	root, err := parseAnchor(r.Root)
	if err != nil {
		return err
	}
	r.trust(root)
	raw, gone, err := r.read(floorsFile, maxFloors)
	if err != nil {
		return err
	}
	r.floors = &floors{}
	if !gone {
		f, err := parseFloors(raw)
		if err == nil {
			r.floors, r.stored = f, string(raw)
		} else {
			r.lost = true
			r.note("the floors of the TUF metadata are damaged, the metadata itself tells what was seen", "error", err)
		}
	} else if r.lost, err = r.anyStored(); err != nil {
		return err
	}
	sum := sha256.Sum256(r.Root)
	if anchor := hex.EncodeToString(sum[:]); r.floors.anchor != anchor {
		r.floors.anchor, r.floors.root, r.floors.seen = anchor, 0, time.Time{}
	}
	// A clock that was set back must not make expired metadata fresh.
	r.now = r.Now().UTC()
	if r.floors.seen.After(r.now) {
		r.now = r.floors.seen
	}
	return nil
}

// anyStored tells a directory that lost its floors from a new one.
func (r *run) anyStored() (bool, error) {
	for _, role := range []string{metadata.TIMESTAMP, metadata.SNAPSHOT, metadata.TARGETS} {
		if _, gone, err := r.read(roleFile(role), MaxTargets); err != nil || !gone {
			return true, err
		}
	}
	return false, nil
}

func (r *run) trust(root *metadata.Metadata[metadata.RootType]) {
	r.roots = append(r.roots, root)
	r.root = &root.Signed
}

// saveFloors is called before what they speak of is stored.
func (r *run) saveFloors() error {
	raw := r.floors.format()
	if r.fetcher == nil || r.lost || string(raw) == r.stored {
		return nil
	}
	if err := r.write(floorsFile, raw); err != nil {
		return err
	}
	r.stored = string(raw)
	return nil
}

// updateRoot follows the chain of roots, each signed by the keys of the one before
// it and by its own (§5.3). What is stored needs no repository.
func (r *run) updateRoot(ctx context.Context) error {
	for asked := 0; asked < maxRotations; {
		name := rootFile(r.root.Version + 1)
		data, gone, err := r.read(name, MaxRoot)
		if err != nil {
			return err
		}
		if !gone {
			next, err := r.nextRoot(data)
			if err == nil {
				r.trust(next)
				continue
			}
			r.note("a stored root is damaged, asking the repository for it", "file", name, "error", err)
		}
		if r.fetcher == nil {
			break
		}
		asked++
		data, err = r.fetch(ctx, name, MaxRoot)
		// An object store that we may not list says 403 of what is not there.
		if errors.Is(err, fetch.ErrNotFound) || errors.Is(err, fetch.ErrForbidden) {
			break
		}
		if err != nil {
			return err
		}
		next, err := r.nextRoot(data)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := r.write(name, data); err != nil {
			return err
		}
		r.trust(next)
	}
	if r.root.Version < r.floors.root {
		return fmt.Errorf("%w: the repository has root %d, root %d was accepted before", trust.ErrRollback, r.root.Version, r.floors.root)
	}
	r.floors.root = r.root.Version
	if err := r.saveFloors(); err != nil {
		return err
	}
	return r.checkExpiry("root", r.root.Expires) // of the last one only (§5.3.10)
}

func (r *run) nextRoot(data []byte) (*metadata.Metadata[metadata.RootType], error) {
	next, err := parse[metadata.RootType](data)
	if err != nil {
		return nil, err
	}
	if _, err := verify(rootVoucher(r.root, metadata.ROOT), metadata.ROOT, next); err != nil {
		return nil, fmt.Errorf("by the keys of root %d: %w", r.root.Version, err)
	}
	if _, err := verify(rootVoucher(&next.Signed, metadata.ROOT), metadata.ROOT, next); err != nil {
		return nil, fmt.Errorf("by its own keys: %w", err)
	}
	if next.Signed.Version != r.root.Version+1 {
		return nil, fmt.Errorf("%w: it says that it is version %d", trust.ErrMismatch, next.Signed.Version)
	}
	return next, nil
}

func (r *run) checkExpiry(what string, expires time.Time) error {
	if r.now.Before(expires) {
		return nil
	}
	return fmt.Errorf("%w: %s expired at %s, it is %s", trust.ErrExpired, what, expires.UTC().Format(time.RFC3339), r.now.Format(time.RFC3339))
}

// soundness is what became of a stored file.
type soundness int

const (
	absent     soundness = iota
	damaged              // no root vouches for it
	superseded           // only an earlier root's keys do
	sound
)

// stored reads the metadata of a top-level role from the store. Only when it is
// sound md is set.
func stored[T metadata.Roles](r *run, role string, limit int64) (data []byte, md *metadata.Metadata[T], by []string, state soundness, err error) {
	data, gone, err := r.read(roleFile(role), limit)
	if err != nil || gone {
		return nil, nil, nil, absent, err
	}
	parsed, parseErr := parse[T](data)
	if parseErr == nil {
		for i := len(r.roots) - 1; i >= 0; i-- {
			by, verifyErr := verify(rootVoucher(&r.roots[i].Signed, role), role, parsed)
			switch {
			case verifyErr != nil:
				continue
			case i == len(r.roots)-1:
				return data, parsed, by, sound, nil
			}
			return nil, nil, nil, superseded, nil
		}
		parseErr = trust.ErrSignature
	}
	r.note("a stored file is damaged, asking the repository for it", "file", roleFile(role), "error", parseErr)
	return nil, nil, nil, damaged, nil
}

// errUnstored is what a call that asks nobody says of a file that is not sound.
func errUnstored(role string, state soundness) error {
	if state == absent {
		return fmt.Errorf("%s: %w", roleFile(role), errNobodyAsked)
	}
	return fmt.Errorf("%s, as it is stored: %w", roleFile(role), trust.ErrSignature)
}

// checkLost tells whether the metadata makes up for floors that are gone. Until it
// does, none are written: what is lost must not look sound the next time.
func (r *run) checkLost(context.Context) error {
	if !r.lost {
		return nil
	}
	_, _, _, stamp, err := stored[metadata.TimestampType](r, metadata.TIMESTAMP, MaxTimestamp)
	if err != nil {
		return err
	}
	_, _, _, snapshot, err := stored[metadata.SnapshotType](r, metadata.SNAPSHOT, MaxSnapshot)
	if err != nil {
		return err
	}
	bad := metadata.TIMESTAMP
	if stamp == sound || stamp == superseded {
		bad = metadata.SNAPSHOT
		if snapshot != damaged {
			r.lost = false
			return nil
		}
	}
	return fmt.Errorf("%w: %s and %s are both gone or damaged: %w", ErrState, floorsFile, roleFile(bad), store.ErrDamaged)
}
