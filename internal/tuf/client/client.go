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

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

const (
	maxRotations = 256 // roots downloaded in one refresh
	maxRoles     = 32  // roles searched for one target
)

// Fetcher downloads metadata from one repository.
type Fetcher interface {
	// Fetch returns the metadata file with this name, or fetch.ErrTooLarge if it is
	// longer than limit bytes. A file that does not exist is fetch.ErrNotFound or
	// fetch.ErrForbidden. name is not escaped: an implementation that makes a URL
	// of it escapes all of it, slashes too. Only [Survey.Walk] calls Fetch
	// concurrently.
	Fetch(ctx context.Context, name string, limit int64) ([]byte, error)
}

// Client verifies the metadata of one repository. Its methods may be called
// concurrently, and so may those of several clients of one Store.
type Client struct {
	Root  []byte // root.json that the program brings
	Store Store
	Now   func() time.Time

	// Note receives what was repaired and what a person may want to look at. It may
	// be nil.
	Note func(message string, args ...any)
}

// CheckRoot returns an error unless a program can bring this root.json.
func CheckRoot(root []byte) error {
	_, err := parseAnchor(root)
	return err
}

func parseAnchor(data []byte) (*tuf.RootMeta, error) {
	root, err := tuf.FirstRoot(data)
	if err != nil {
		return nil, fmt.Errorf("the initial root: %w", err)
	}
	return root, nil
}

// Refresh brings the top-level metadata up to date (§5.3 to §5.6). It stores nothing
// unless it fails: [View.Target] does, or [View.Save].
//
// Besides [ErrState] and the errors of f it returns fetch.ErrNotFound,
// fetch.ErrForbidden and fetch.ErrTooLarge, and of package trust ErrMalformed,
// ErrUnsigned, ErrSignature, ErrThreshold, ErrMismatch, ErrExpired and ErrRollback.
func (c *Client) Refresh(ctx context.Context, f Fetcher) (*View, error) {
	v := &View{client: c, fetcher: f}
	if err := v.attempt(ctx, nil); err != nil {
		return nil, err
	}
	return v, nil
}

// run is one refresh and what is looked up after it.
type run struct {
	*Client
	fetcher Fetcher
	now     time.Time
	memory

	roots    []*tuf.RootMeta
	root     *tuf.RootMeta // the last of them
	stamp    *tuf.TimestampMeta
	snapshot *tuf.SnapshotMeta
	roles    map[string]*role // targets and delegated roles, by name

	// expired, if set, receives expired metadata, which is then used.
	expired func(error)
}

// role is metadata of a targets role that verified for one of its delegators.
type role struct {
	md   *tuf.TargetsMeta
	by   []string // IDs of the keys that signed
	keys string   // the keyring that it verified with
}

func (c *Client) newRun(f Fetcher) *run {
	return &run{Client: c, fetcher: f, memory: memory{store: c.Store}, roles: map[string]*role{}}
}

func (r *run) refresh(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		r.begin, r.updateRoot, r.checkLost, r.updateTimestamp, r.updateSnapshot, r.updateTargets,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	r.floors.Seen = r.now
	return nil
}

func (r *run) fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
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

func (r *run) note(message string, args ...any) {
	if r.Note != nil {
		r.Note(message, args...)
	}
}

// begin reads the root that the program brings, the floors and the clock.
func (r *run) begin(context.Context) error {
	root, err := parseAnchor(r.Root)
	if err != nil {
		return err
	}
	r.trust(root)
	sum := sha256.Sum256(r.Root)
	if err := r.open(hex.EncodeToString(sum[:])); err != nil {
		return err
	}
	if damage := r.before.damage; damage != nil {
		r.note("the floors of the TUF metadata are damaged; the metadata itself says which versions were seen", "error", damage)
	}
	// A clock that was set back must not make expired metadata fresh.
	r.now = r.Now().UTC()
	if r.floors.Seen.After(r.now) {
		r.now = r.floors.Seen
	}
	return nil
}

func (r *run) trust(root *tuf.RootMeta) {
	r.roots = append(r.roots, root)
	r.root = root
}

// keys returns the keyring of a top-level role.
func (r *run) keys(role string) tuf.Keyring { return tuf.RootKeyring(&r.root.Signed, role) }

// updateRoot follows the chain of roots, each signed by the keys of the one before
// it and by its own (§5.3). A root that is stored is not downloaded.
func (r *run) updateRoot(ctx context.Context) error {
	for fetched := 0; fetched < maxRotations; {
		name := tuf.FileName(r.root.Signed.Version+1, tuf.Root)
		data, gone, err := r.read(name, tuf.MaxRoot)
		if err != nil {
			return err
		}
		if !gone {
			next, err := tuf.NextRoot(&r.root.Signed, data)
			if err == nil {
				r.trust(next)
				continue
			}
			r.note("a stored root is damaged; downloading it again", "file", name, "error", err)
		}
		fetched++
		data, err = r.fetch(ctx, name, tuf.MaxRoot)
		// An object store that we may not list answers 403 for a missing file.
		if errors.Is(err, fetch.ErrNotFound) || errors.Is(err, fetch.ErrForbidden) {
			break
		}
		if err != nil {
			return err
		}
		next, err := tuf.NextRoot(&r.root.Signed, data)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r.write(name, data)
		r.trust(next)
	}
	version := r.root.Signed.Version
	if version < r.floors.Root {
		return fmt.Errorf("%w: the repository has root %d, root %d was accepted before", trust.ErrRollback, version, r.floors.Root)
	}
	r.floors.Root = version
	return r.checkExpiry(tuf.Root, r.root.Signed.Expires) // of the last one only (§5.3.10)
}

func (r *run) checkExpiry(role string, expires time.Time) error {
	err := tuf.CheckExpiry(role, expires, r.now)
	if err != nil && r.expired != nil {
		r.expired(err)
		return nil
	}
	return err
}

// checkLost returns ErrState unless the stored metadata makes up for lost floors.
// Until it does, no floors are written: the loss must still be visible next time.
func (r *run) checkLost(context.Context) error {
	if !r.lost {
		return nil
	}
	stamp, err := stored[timestampType](r, tuf.Timestamp)
	if err != nil {
		return err
	}
	snapshot, err := stored[snapshotType](r, tuf.Snapshot)
	if err != nil {
		return err
	}
	bad := tuf.Timestamp
	if stamp.state == sound || stamp.state == superseded {
		bad = tuf.Snapshot
		if snapshot.state != damaged {
			r.lost = false
			return nil
		}
	}
	return fmt.Errorf("%w: %s and %s are both lost or damaged: %w", ErrState, floorsFile, tuf.StoredName(bad), store.ErrDamaged)
}
