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

	"github.com/choria-io/go-updater/trust"
)

// Update is what shall become of the metadata.
type Update struct {
	Now     time.Time
	Signers []*Signer

	// Set are targets that are new or changed. Whoever signs the bins vouches
	// for them. Remove are targets that are to go.
	Set    map[string]Target
	Remove []string

	// Current tells what release.json lies in the repository under the name of
	// a target. It is asked about targets for which no valid signature by the
	// present keys vouches: after a change of the release key, about all.
	Current func(ctx context.Context, target string) (t Target, there bool, err error)

	// DropMissing removes all targets that Current does not find.
	DropMissing bool
}

// Written is one file of a Result.
type Written struct {
	File    string    `json:"file"`
	Role    string    `json:"role"`
	Version int64     `json:"version"`
	Expires time.Time `json:"expires"`
	Keys    []string  `json:"keys"` // ids of who signed
}

// Result is what has to be done to the directory, in this order.
type Result struct {
	// Artifacts have names that no client asks for before Timestamp is there.
	Artifacts []File
	Timestamp *File

	// Obsolete are names that can be removed once Timestamp is in place: what
	// neither the present snapshot nor the one before it names, so that a client
	// that has begun with the latter can finish.
	Obsolete []string

	// Targets are all targets as they are then.
	Targets map[string]Target

	Written  []Written
	Warnings []string

	// TakenOver are targets for which only keys of the past vouched until now.
	TakenOver []string

	// Visible reports that clients see all of it, rather than after a refresh
	// with the online keys.
	Visible bool
}

// Knows reports whether a key signs for targets, bins, snapshot or timestamp.
func (s *State) Knows(key trust.Key) bool {
	if s.root() == nil {
		return false
	}
	for _, role := range []string{Targets, Snapshot, Timestamp} {
		if _, ok := ringOf(s.root(), role).id(key); ok {
			return true
		}
	}

	return s.SignsReleases(key)
}

// SignsReleases reports whether a key is one of the bins, and with them of
// releases.
func (s *State) SignsReleases(key trust.Key) bool {
	return slices.ContainsFunc(s.candidates(), func(t *targetsMeta) bool {
		_, ok := binsRing(t.Signed.Delegations).id(key)
		return ok
	})
}

// SignsBins reports whether the keys are enough to sign bins.
func (s *State) SignsBins(signers []*Signer) bool {
	return slices.ContainsFunc(s.candidates(), func(t *targetsMeta) bool {
		return binsRing(t.Signed.Delegations).enough(signers)
	})
}

// Complete reports that there is targets metadata, so that clients can or will
// soon find releases. Before that there is nothing to keep current.
func (s *State) Complete() bool { return s.Exists() && len(s.targets) > 0 }

// candidates are targets metadata that the bins may be made for, the newest
// first, a draft before all.
func (s *State) candidates() []*targetsMeta {
	var out []*targetsMeta
	if s.TargetsDraft != nil {
		out = append(out, s.TargetsDraft.targets)
	}
	for _, t := range s.targets {
		if handsToBins(t) {
			out = append(out, t)
		}
	}

	return out
}

// Update works out what has to be written so that the metadata says what it
// should, and is signed by the present keys, for another third of its life at
// least: as much of it as the signers can sign, and nothing else.
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

	// While the keys for newer targets metadata are elsewhere, the repository
	// goes on with what clients have.
	var held error
	for _, choose := range []func(context.Context, *Update) (*work, error){s.drafted, s.renewed, s.kept} {
		w, err := choose(ctx, &u)
		if err == nil && w != nil {
			err = w.bins(ctx)
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
			w.warn("not all could be brought up to date: %v", held)
		}
		if err := w.online(ctx); err != nil {
			return nil, err
		}
		w.Warnings = slices.Concat(s.Problems, w.Warnings)
		return &w.Result, nil
	}
	if held == nil {
		held = fmt.Errorf("%w: targets metadata that hands releases to bins", ErrMissing)
	}

	return nil, held
}

func (s *State) validity(role string) time.Duration {
	return validityOf(s.root().Signed.Roles[role].UnrecognizedFields, role)
}

// due is when less than a third of the life is left, which began in the second
// in which now is.
func due(expires time.Time, validity time.Duration, now time.Time) bool {
	return expires.Sub(now.Truncate(time.Second)) < validity/3
}

func needsKey(role string, r keyring) error {
	return fmt.Errorf("%w: %d of the %s keys %s", ErrNeedsKey, r.threshold, role, strings.Join(r.ids, ", "))
}

// work is an update for certain targets metadata.
type work struct {
	Result
	s       *State
	u       *Update
	targets *targetsMeta
	meta    map[string]*metadata.MetaFiles
}

func (s *State) work(u *Update, t *targetsMeta) *work {
	return &work{
		Result: Result{Targets: map[string]Target{}}, s: s, u: u, targets: t,
		meta: map[string]*metadata.MetaFiles{"targets.json": {Version: t.Signed.Version}},
	}
}

func (w *work) warn(format string, args ...any) {
	w.Warnings = append(w.Warnings, fmt.Sprintf(format, args...))
}

func (w *work) note(role string, raw []byte, meta any, r keyring, signed any, signatures []metadata.Signature) {
	h := headerOf(meta)
	name := fileName(h.version, role)
	if role == Timestamp {
		name = TimestampFile
	}
	w.Written = append(w.Written, Written{name, role, h.version, h.expires, r.signers(signed, signatures)})
	file := File{name, raw}
	if role == Timestamp {
		w.Timestamp = &file
	} else {
		w.Artifacts = append(w.Artifacts, file)
	}
}

// drafted takes the draft when it is signed, or can be.
func (s *State) drafted(ctx context.Context, u *Update) (*work, error) {
	if s.TargetsDraft == nil {
		return nil, nil
	}
	meta, err := clone(s.TargetsDraft.targets)
	if err != nil {
		return nil, err
	}
	meta.Signatures = slices.Clone(s.TargetsDraft.targets.Signatures)
	draft := &Draft{targets: meta}
	ring := ringOf(s.root(), Targets)
	for _, signer := range ring.of(u.Signers) {
		if err := draft.Sign(ctx, signer, s.Authority()); err != nil {
			return nil, err
		}
	}
	file, err := draft.Finish(s.Authority())
	if errors.Is(err, ErrSignatures) {
		return nil, fmt.Errorf("%s: %w", TargetsDraft, needsKey(Targets, ring))
	}
	if err != nil {
		return nil, err
	}
	w := s.work(u, meta)
	w.note(Targets, file.Content, meta, ring, meta.Signed, meta.Signatures)
	w.Obsolete = append(w.Obsolete, TargetsDraft)

	return w, nil
}

// renewed takes the newest targets metadata and signs it again if it has to be.
func (s *State) renewed(ctx context.Context, u *Update) (*work, error) {
	t := s.newestTargets()
	if t == nil {
		return nil, nil
	}
	if !handsToBins(t) {
		return nil, fmt.Errorf("%w: %s hands releases to others than bins", ErrMismatch, fileName(t.Signed.Version, Targets))
	}
	ring := ringOf(s.root(), Targets)
	good := verify(s.root(), Targets, t) == nil
	late := due(t.Signed.Expires, s.validity(Targets), u.Now)
	switch {
	case good && !late:
		return s.work(u, t), nil
	case !good && !ring.enough(u.Signers):
		return nil, needsKey(Targets, ring)
	case !ring.enough(u.Signers):
		w := s.work(u, t)
		w.warn("targets expires at %s: refresh it with %v", t.Signed.Expires.Format(time.RFC3339), needsKey(Targets, ring))
		return w, nil
	}
	next, err := clone(t)
	if err != nil {
		return nil, err
	}
	next.Signed.Version = s.targetsVersion() + 1
	next.Signed.Expires = expiry(u.Now, s.validity(Targets))
	w := s.work(u, next)

	return w, sign(ctx, w, Targets, next, ring, s.root())
}

// kept goes on with the targets metadata that clients see.
func (s *State) kept(_ context.Context, u *Update) (*work, error) {
	for _, t := range s.targets {
		if t != s.newestTargets() && t.Signed.Version == s.versionIn(Targets) && verify(s.root(), Targets, t) == nil && handsToBins(t) {
			return s.work(u, t), nil
		}
	}

	return nil, nil
}

// sign signs, and reads back what it made as others will.
func sign[T, D metadata.Roles](ctx context.Context, w *work, role string, meta *metadata.Metadata[T], r keyring, delegator *metadata.Metadata[D]) error {
	raw, err := signAll(ctx, meta, r, w.u.Signers)
	if err != nil {
		return fmt.Errorf("signing %s: %w", role, err)
	}
	back, err := parse[T](raw)
	if err == nil {
		err = verify(delegator, role, back)
	}
	if err != nil {
		return fmt.Errorf("signing %s: %w", role, err)
	}
	w.note(role, raw, meta, r, meta.Signed, meta.Signatures)

	return nil
}
