// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
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
	for _, t := range s.candidates() {
		if _, ok := binsRing(t.Signed.Delegations).id(key); ok {
			return true
		}
	}

	return false
}

// SignsBins reports whether one of the keys signs bins, and with them releases.
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
		w.Warnings = append(s.Problems, w.Warnings...)
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

// due is when less than a third of the life is left.
func due(expires time.Time, validity time.Duration, now time.Time) bool {
	return expires.Sub(now) < validity/3
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
	return &work{s: s, u: u, targets: t, meta: map[string]*metadata.MetaFiles{"targets.json": {Version: t.Signed.Version}}}
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

func (w *work) is(ctx context.Context) vouched {
	return func(name string, t Target) (bool, error) {
		// What this update sets or removes is as good as there.
		if set, ok := w.u.Set[name]; ok {
			return set == t, nil
		}
		current, there, err := w.u.Current(ctx, name)
		if t == (Target{}) {
			return !there, err
		}
		return there && current == t, err
	}
}

// bins brings every bin up to date.
func (w *work) bins(ctx context.Context) error {
	set := map[string]map[string]Target{}
	for name, t := range w.u.Set {
		role := binOf(w.targets, name)
		if set[role] == nil {
			set[role] = map[string]Target{}
		}
		set[role][name] = t
	}
	ring := binsRing(w.targets.Signed.Delegations)
	roles := w.targets.Signed.Delegations.SuccinctRoles.GetRoles()
	for _, role := range roles {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.bin(ctx, role, set[role], ring); err != nil {
			return err
		}
	}

	return nil
}

func (w *work) bin(ctx context.Context, role string, set map[string]Target, ring keyring) error {
	b, err := w.s.bin(ctx, role, w.targets, w.is(ctx))
	if err != nil {
		return err
	}
	before := map[string]Target{}
	if b.meta != nil {
		before = targetsIn(b.meta)
	}
	after := maps.Clone(before)
	for _, name := range w.u.Remove {
		delete(after, name)
	}
	maps.Copy(after, set)
	stale := b.meta != nil && !b.good
	if stale || w.u.DropMissing {
		if err := w.vouch(ctx, role, after, stale); err != nil {
			return err
		}
	}

	validity := validityOf(w.targets.Signed.Delegations.SuccinctRoles.UnrecognizedFields, Bins)
	needed := b.meta == nil || stale || !maps.Equal(before, after)
	late := !needed && due(b.meta.Signed.Expires, validity, w.u.Now)
	switch {
	case !needed && !late:
	case needed && !ring.enough(w.u.Signers):
		return needsKey(Bins, ring)
	case !ring.enough(w.u.Signers):
		w.warn("%s expires at %s: refresh it with %v", role, b.meta.Signed.Expires.Format(time.RFC3339), needsKey(Bins, ring))
	default:
		next := metadata.Targets(expiry(w.u.Now, validity))
		next.Signed.Version = b.highest + 1
		for name, t := range after {
			next.Signed.Targets[name] = &metadata.TargetFiles{Length: t.Length, Hashes: metadata.Hashes{"sha256": unhex(t.SHA256)}}
		}
		if err := soundBin(role, next, w.targets); err != nil {
			return err
		}
		if err := sign(ctx, w, role, next, ring, w.targets); err != nil {
			return err
		}
		b.meta = next
	}
	w.meta[role+".json"] = &metadata.MetaFiles{Version: b.meta.Signed.Version}

	return nil
}

// vouch goes through what other keys than the present ones signed: the release
// key was changed, perhaps because it was stolen, and the new one must not
// vouch for what was not looked at.
func (w *work) vouch(ctx context.Context, role string, after map[string]Target, stale bool) error {
	is := w.is(ctx)
	for _, name := range slices.Sorted(maps.Keys(after)) {
		gone, err := is(name, Target{})
		if err != nil {
			return err
		}
		if gone && w.u.DropMissing {
			delete(after, name)
			continue
		}
		if !stale {
			continue
		}
		same, err := is(name, after[name])
		if err != nil {
			return err
		}
		if !same {
			return fmt.Errorf("%w: %s was signed by other keys and says otherwise of %q than the repository", ErrMismatch, role, name)
		}
		if _, ok := w.u.Set[name]; !ok {
			w.TakenOver = append(w.TakenOver, name)
		}
	}

	return nil
}

// online writes snapshot and timestamp, as far as their keys are there.
func (w *work) online(ctx context.Context) error {
	root := w.s.root()
	snapshot, raw, err := w.snapshot(ctx)
	if err != nil || snapshot == nil {
		return err
	}
	t := w.s.timestamp
	named := t != nil && describes(t, snapshot.Signed.Version, raw) && verify(root, Timestamp, t) == nil
	late := named && due(t.Signed.Expires, w.s.validity(Timestamp), w.u.Now)
	ring := ringOf(root, Timestamp)
	switch {
	case named && !late:
		w.Visible = true
		return nil
	case !ring.enough(w.u.Signers) && named:
		w.Visible = true
		w.warn("timestamp expires at %s: refresh it with %v", t.Signed.Expires.Format(time.RFC3339), needsKey(Timestamp, ring))
		return nil
	case !ring.enough(w.u.Signers):
		w.warn("clients do not see it yet: refresh with %v", needsKey(Timestamp, ring))
		return nil
	}
	next := metadata.Timestamp(expiry(w.u.Now, w.s.validity(Timestamp)))
	if t != nil {
		next.Signed.Version = t.Signed.Version + 1
	}
	next.Signed.Meta["snapshot.json"] = &metadata.MetaFiles{
		Version: snapshot.Signed.Version, Length: int64(len(raw)), Hashes: metadata.Hashes{"sha256": hash(raw)},
	}
	if err := sign(ctx, w, Timestamp, next, ring, root); err != nil {
		return err
	}
	w.Visible = true
	w.retire(snapshot)

	return nil
}

// snapshot finds one that says what has to be said, or makes it. It is nil when
// its key is missing.
func (w *work) snapshot(ctx context.Context) (*snapshotMeta, []byte, error) {
	root, ring := w.s.root(), ringOf(w.s.root(), Snapshot)
	var highest int64
	if len(w.s.snapshots) > 0 {
		highest = w.s.snapshots[0].Signed.Version
	}
	if t := w.s.timestamp; t != nil {
		highest = max(highest, t.Signed.Meta["snapshot.json"].Version)
	}
	for _, meta := range w.s.snapshots {
		if !equalMeta(meta.Signed.Meta, w.meta) || verify(root, Snapshot, meta) != nil {
			continue
		}
		late := due(meta.Signed.Expires, w.s.validity(Snapshot), w.u.Now)
		if late && ring.enough(w.u.Signers) {
			break
		}
		if late {
			w.warn("snapshot expires at %s: refresh it with %v", meta.Signed.Expires.Format(time.RFC3339), needsKey(Snapshot, ring))
		}
		raw, err := read(ctx, w.s.files, fileName(meta.Signed.Version, Snapshot))
		return meta, raw, err
	}
	if !ring.enough(w.u.Signers) {
		w.warn("clients do not see it yet: refresh with %v", needsKey(Snapshot, ring))
		return nil, nil, nil
	}
	next := metadata.Snapshot(expiry(w.u.Now, w.s.validity(Snapshot)))
	next.Signed.Version, next.Signed.Meta = highest+1, w.meta
	if err := sign(ctx, w, Snapshot, next, ring, root); err != nil {
		return nil, nil, err
	}

	return next, w.Artifacts[len(w.Artifacts)-1].Content, nil
}

// retire lists what neither this snapshot nor the one before it names. When
// that one is not known, nothing is.
func (w *work) retire(now *snapshotMeta) {
	before := w.s.published
	if before == nil || before.Signed.Version == now.Signed.Version {
		return
	}
	keep := func(role string, v int64) bool {
		if role == Snapshot {
			return v == before.Signed.Version || v >= now.Signed.Version
		}
		f := now.Signed.Meta[role+".json"]
		return f == nil || v == w.s.versionIn(role) || v >= f.Version
	}
	for _, role := range slices.Sorted(maps.Keys(w.s.versions)) {
		for _, v := range w.s.versions[role] {
			if role != Root && !keep(role, v) {
				w.Obsolete = append(w.Obsolete, fileName(v, role))
			}
		}
	}
}

func hash(raw []byte) metadata.HexBytes {
	sum := sha256.Sum256(raw)

	return sum[:]
}

func unhex(s string) metadata.HexBytes {
	var out metadata.HexBytes
	if err := out.UnmarshalJSON([]byte(`"` + s + `"`)); err != nil {
		return nil // soundBin refuses it
	}

	return out
}
