// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

// Update is a change of the metadata.
type Update struct {
	Now     time.Time
	Signers []*Signer

	// Set are targets to add or change: the signers of the bins vouch for them.
	// Remove are targets to remove.
	Set    map[string]Target
	Remove []string

	// Current returns the release.json that the repository has under the name of a
	// target. It is called for targets for which no signature by the latest keys
	// vouches: after a change of the release key, for all.
	Current func(ctx context.Context, target string) (t Target, there bool, err error)

	// DropMissing removes targets that Current does not find.
	DropMissing bool
}

// Written is one file of a Result.
type Written struct {
	File    string    `json:"file"`
	Role    string    `json:"role"`
	Version int64     `json:"version"`
	Expires time.Time `json:"expires"`
	Keys    []string  `json:"keys"` // ids of the keys that signed
}

// Result is what to write and remove, in this order.
type Result struct {
	// Artifacts have names that no client downloads before Timestamp is in place.
	Artifacts []File
	Timestamp *File

	// Obsolete are files to remove once Timestamp is in place. Neither the new
	// snapshot nor the one before it names them, so that a client that began with
	// the latter can finish.
	Obsolete []string

	// Targets are all targets after the update.
	Targets map[string]Target

	Written  []Written
	Warnings []string

	// TakenOver are targets for which only replaced keys vouched until now.
	TakenOver []string

	// Visible reports that clients see all of it. Otherwise they do after a refresh
	// with the online keys.
	Visible bool
}

// Knows reports whether a key signs for targets, bins, snapshot or timestamp.
func (s *State) Knows(key trust.Key) bool {
	if s.root() == nil {
		return false
	}
	for _, role := range []string{Targets, Snapshot, Timestamp} {
		if hasKey(ringOf(s.root(), role), key) {
			return true
		}
	}

	return s.SignsReleases(key)
}

// SignsReleases reports whether a key signs bins, and so releases.
func (s *State) SignsReleases(key trust.Key) bool {
	return slices.ContainsFunc(s.candidates(), func(t *tuf.TargetsMeta) bool {
		return hasKey(binsRing(t), key)
	})
}

// SignsBins reports whether the signers are enough for the bins.
func (s *State) SignsBins(signers []*Signer) bool {
	return slices.ContainsFunc(s.candidates(), func(t *tuf.TargetsMeta) bool {
		return enough(binsRing(t), signers)
	})
}

// Complete reports that there is targets metadata. Before that there is nothing to
// keep current.
func (s *State) Complete() bool { return s.Exists() && len(s.targets) > 0 }

// candidates returns targets metadata that bins may be made for: the draft, then the
// newest first.
func (s *State) candidates() []*tuf.TargetsMeta {
	var out []*tuf.TargetsMeta
	if s.TargetsDraft != nil {
		out = append(out, s.TargetsDraft.targets)
	}
	for _, t := range s.targets {
		if usesBins(t) {
			out = append(out, t)
		}
	}

	return out
}

// Update returns what to write so that the metadata is as u says, is signed by the
// latest keys and is valid for another third of its validity at least. It signs as
// much of that as the signers can, and nothing else.
func (s *State) Update(ctx context.Context, u Update) (*Result, error) {
	if s.root() == nil {
		return nil, fmt.Errorf("%w: no root is published", ErrMissing)
	}
	for _, signer := range u.Signers {
		if !s.Knows(signer.key) {
			return nil, fmt.Errorf("%w: %s signs for none of targets, bins, snapshot and timestamp", ErrKey, KeyID(signer.key))
		}
	}
	if due(s.root().Signed.Expires, s.validity(Root), u.Now) {
		s.problem("root expires at %s: renew it with a new version", s.root().Signed.Expires.Format(time.RFC3339))
	}

	// As long as the keys for newer targets metadata are missing, the repository
	// keeps what clients have.
	var held error
	for _, choose := range []func(context.Context, *Update) (*work, error){s.fromDraft, s.fromNewest, s.fromPublished} {
		w, err := choose(ctx, &u)
		if err == nil && w != nil {
			err = w.updateBins(ctx)
		}
		if w == nil && err == nil {
			continue
		}
		if errors.Is(err, ErrNeedsKey) {
			if held == nil {
				held = err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if held != nil {
			w.warn("not everything could be updated: %v", held)
		}
		if err := w.updateOnline(ctx); err != nil {
			return nil, err
		}
		w.Warnings = slices.Concat(s.Problems, w.Warnings)
		return &w.Result, nil
	}
	if held == nil {
		held = fmt.Errorf("%w: targets metadata that delegates releases to bins", ErrMissing)
	}

	return nil, held
}

func (s *State) validity(role string) time.Duration { return roleValidity(s.root(), role) }

func needsKey(role string, r tuf.Keyring) error {
	return fmt.Errorf("%w: %d of the %s keys %s", ErrNeedsKey, r.Threshold, role, strings.Join(r.Names, ", "))
}

// work is an update for certain targets metadata.
type work struct {
	Result
	s       *State
	u       *Update
	targets *tuf.TargetsMeta
	meta    map[string]*metadata.MetaFiles // what the snapshot will name
}

func (s *State) work(u *Update, t *tuf.TargetsMeta) *work {
	return &work{
		Result: Result{Targets: map[string]Target{}}, s: s, u: u, targets: t,
		meta: map[string]*metadata.MetaFiles{"targets.json": {Version: t.Signed.Version}},
	}
}

func (w *work) warn(format string, args ...any) {
	w.Warnings = append(w.Warnings, fmt.Sprintf(format, args...))
}

// expiring warns that a role will expire and cannot be renewed with these signers.
func (w *work) expiring(role, kind string, expires time.Time, r tuf.Keyring) {
	w.warn("%s expires at %s: refresh it with %v", role, expires.Format(time.RFC3339), needsKey(kind, r))
}

// fromDraft takes the draft if it is signed, or can be.
func (s *State) fromDraft(ctx context.Context, u *Update) (*work, error) {
	if s.TargetsDraft == nil {
		return nil, nil
	}
	md, err := clone(s.TargetsDraft.targets)
	if err != nil {
		return nil, err
	}
	md.Signatures = slices.Clone(s.TargetsDraft.targets.Signatures)
	draft := &Draft{targets: md}
	ring := ringOf(s.root(), Targets)
	for _, signer := range among(ring, u.Signers) {
		if err := draft.Sign(ctx, signer, s.Authority()); err != nil {
			return nil, err
		}
	}
	file, err := draft.Finish(s.Authority())
	if unsigned(err) {
		return nil, fmt.Errorf("%s: %w", TargetsDraft, needsKey(Targets, ring))
	}
	if err != nil {
		return nil, err
	}
	w := s.work(u, md)
	write(w, Targets, file.Content, ring, md)
	w.Obsolete = append(w.Obsolete, TargetsDraft)

	return w, nil
}

// fromNewest takes the newest targets metadata, and signs it again if necessary.
func (s *State) fromNewest(ctx context.Context, u *Update) (*work, error) {
	t := s.newestTargets()
	if t == nil {
		return nil, nil
	}
	if err := checkUsesBins(t); err != nil {
		return nil, err
	}
	ring := ringOf(s.root(), Targets)
	good := verify(ring, t) == nil
	late := due(t.Signed.Expires, s.validity(Targets), u.Now)
	switch {
	case good && !late:
		return s.work(u, t), nil
	case !good && !enough(ring, u.Signers):
		return nil, needsKey(Targets, ring)
	case !enough(ring, u.Signers):
		w := s.work(u, t)
		w.expiring(Targets, Targets, t.Signed.Expires, ring)
		return w, nil
	}
	next, err := clone(t)
	if err != nil {
		return nil, err
	}
	next.Signed.Version = s.targetsVersion() + 1
	next.Signed.Expires = expiry(u.Now, s.validity(Targets))
	w := s.work(u, next)
	_, err = sign(ctx, w, Targets, next, ring)

	return w, err
}

// fromPublished keeps the targets metadata that clients see.
func (s *State) fromPublished(_ context.Context, u *Update) (*work, error) {
	for _, t := range s.targets {
		if t != s.newestTargets() && t.Signed.Version == s.versionIn(Targets) && verify(ringOf(s.root(), Targets), t) == nil && usesBins(t) {
			return s.work(u, t), nil
		}
	}

	return nil, nil
}

// sign signs metadata and returns the file, after it was read back as a client does.
func sign[T metadata.Roles](ctx context.Context, w *work, role string, md *metadata.Metadata[T], r tuf.Keyring) ([]byte, error) {
	err := signAll(ctx, md, r, w.u.Signers)
	var raw []byte
	var back *metadata.Metadata[T]
	if err == nil {
		raw, back, err = format(md)
	}
	if err == nil {
		err = verify(r, back)
	}
	if err != nil {
		return nil, fmt.Errorf("signing %s: %w", role, err)
	}
	write(w, role, raw, r, md)

	return raw, nil
}

// write adds a file to the result.
func write[T metadata.Roles](w *work, role string, raw []byte, r tuf.Keyring, md *metadata.Metadata[T]) {
	file := File{tuf.FileName(tuf.Version(md), role), raw}
	w.Written = append(w.Written, Written{file.Name, role, tuf.Version(md), tuf.Expires(md), signedBy(r, md)})
	if role == Timestamp {
		w.Timestamp = &file
	} else {
		w.Artifacts = append(w.Artifacts, file)
	}
}
