// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Options are for Load and Check.
type Options struct {
	// Trusted is a root that the roots of the repository must contain, or lead
	// to from it. Nil means that the oldest root there is believed.
	Trusted []byte
}

// State is the metadata that a repository has, as far as its roots bear it out.
type State struct {
	// Drafts of the next versions; nil when there are none. Who may write to the
	// repository may have made them: look at what they say before signing.
	RootDraft, TargetsDraft *Draft

	// Problems are files that were passed over, and why.
	Problems []string

	files     Directory
	versions  map[string][]int64 // by role, newest first
	roots     []*rootMeta        // a chain, oldest first
	timestamp *timestampMeta
	published *snapshotMeta   // what the timestamp names
	snapshots []*snapshotMeta // what else could be named, newest first
	targets   []*targetsMeta  // signed for one of the roots, newest first
}

// Load reads and verifies what is in the directory. There may be nothing, or
// no more than drafts. Expiry is not looked at: Update mends it.
func Load(ctx context.Context, files Directory, o Options) (*State, error) {
	s := &State{files: files, versions: map[string][]int64{}}
	names, err := files.Names(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if version, role, ok := parseName(name); ok {
			s.versions[role] = append(s.versions[role], version)
		}
	}
	for _, v := range s.versions {
		slices.Sort(v)
		slices.Reverse(v)
	}
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return s.loadRoots(ctx, o) },
		s.loadTimestamp, s.loadSnapshots, s.loadTargets, s.loadDrafts,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}

	return s, nil
}

// Exists reports whether a root is published.
func (s *State) Exists() bool { return s.root() != nil }

// Authority is the present root, nil when there is none.
func (s *State) Authority() *Authority {
	if s.root() == nil {
		return nil
	}

	return &Authority{s.root()}
}

func (s *State) root() *rootMeta {
	if len(s.roots) == 0 {
		return nil
	}

	return s.roots[len(s.roots)-1]
}

func (s *State) problem(format string, args ...any) {
	s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
}

func (s *State) loadRoots(ctx context.Context, o Options) error {
	versions := slices.Clone(s.versions[Root])
	slices.Reverse(versions)
	for i, v := range versions {
		if v != versions[0]+int64(i) {
			return fmt.Errorf("%w: %s", ErrMissing, fileName(versions[i-1]+1, Root))
		}
		raw, err := read(ctx, s.files, fileName(v, Root))
		if err != nil {
			return err
		}
		root, err := nextRoot(raw, v, s.root())
		if err != nil {
			return err
		}
		s.roots = append(s.roots, root)
	}

	return pinned(s.roots, o.Trusted)
}

// nextRoot verifies a root by itself and by the one before it (§5.3.4).
func nextRoot(raw []byte, version int64, before *rootMeta) (*rootMeta, error) {
	root, err := parse[metadata.RootType](raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fileName(version, Root), err)
	}
	if root.Signed.Version != version {
		return nil, fmt.Errorf("%w: %s is version %d", ErrMismatch, fileName(version, Root), root.Signed.Version)
	}
	for _, by := range []*rootMeta{before, root} {
		if by == nil {
			continue
		}
		if err := verify(by, Root, root); err != nil {
			return nil, fmt.Errorf("%s: by the keys of version %d: %w", fileName(version, Root), by.Signed.Version, err)
		}
	}

	return root, nil
}

// pinned holds a chain of roots to one that is known.
func pinned(roots []*rootMeta, trusted []byte) error {
	if trusted == nil || len(roots) == 0 {
		return nil
	}
	known, err := parse[metadata.RootType](trusted)
	if err != nil {
		return fmt.Errorf("the trusted root: %w", err)
	}
	for _, root := range roots {
		if root.Signed.Version != known.Signed.Version {
			continue
		}
		if same, err := sameSigned(root.Signed, known.Signed); err != nil || !same {
			return fmt.Errorf("%w: version %d is another", ErrPinned, known.Signed.Version)
		}
		return nil
	}

	return fmt.Errorf("%w: there is no version %d", ErrPinned, known.Signed.Version)
}

// signedBy looks for a root that bears the metadata out, the newest first. What
// an older one does is no good to clients, but was ours once.
func (s *State) signedBy(role string, meta any) (current bool, err error) {
	for i, root := range slices.Backward(s.roots) {
		rerr := verify(root, role, meta)
		if rerr == nil {
			return i == len(s.roots)-1, nil
		}
		if err == nil {
			err = rerr
		}
	}

	return false, err
}

// loadTimestamp refuses a damaged file: nothing else tells the version above
// which clients accept the next one.
func (s *State) loadTimestamp(ctx context.Context) error {
	raw, err := s.files.Read(ctx, TimestampFile)
	if errors.Is(err, fs.ErrNotExist) {
		if len(s.versions[Snapshot]) > 0 {
			return fmt.Errorf("%w: %s", ErrMissing, TimestampFile)
		}
		return nil
	}
	if err != nil {
		return err
	}
	meta, err := parse[metadata.TimestampType](raw)
	if err == nil {
		_, err = s.signedBy(Timestamp, meta)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", TimestampFile, err)
	}
	s.timestamp = meta

	return nil
}

func (s *State) loadSnapshots(ctx context.Context) error {
	var named int64
	if s.timestamp != nil {
		f := s.timestamp.Signed.Meta["snapshot.json"]
		named = f.Version
		raw, err := s.files.Read(ctx, fileName(named, Snapshot))
		if err == nil {
			err = mismatch(f.VerifyLengthHashes(raw))
		}
		var meta *snapshotMeta
		if err == nil {
			meta, err = s.snapshot(raw, named)
		}
		if err != nil {
			s.problem("%s: %v: what clients see is not known", fileName(named, Snapshot), err)
		}
		s.published = meta
	}
	for _, v := range s.versions[Snapshot] {
		if v < named || (v == named && s.published == nil) {
			break
		}
		raw, err := s.files.Read(ctx, fileName(v, Snapshot))
		if err != nil {
			return err
		}
		meta, err := s.snapshot(raw, v)
		if err != nil {
			s.problem("%s: %v", fileName(v, Snapshot), err)
			continue
		}
		s.snapshots = append(s.snapshots, meta)
	}

	return nil
}

func (s *State) snapshot(raw []byte, version int64) (*snapshotMeta, error) {
	meta, err := parse[metadata.SnapshotType](raw)
	if err != nil {
		return nil, err
	}
	if meta.Signed.Version != version {
		return nil, fmt.Errorf("%w: it is version %d", ErrMismatch, meta.Signed.Version)
	}
	_, err = s.signedBy(Snapshot, meta)

	return meta, err
}

func mismatch(err error) error {
	if err == nil {
		return nil
	}

	return fmt.Errorf("%w: %w", ErrMismatch, err)
}

// versionIn is which version of a role the published snapshot names.
func (s *State) versionIn(role string) int64 {
	if s.published == nil || s.published.Signed.Meta[role+".json"] == nil {
		return 0
	}

	return s.published.Signed.Meta[role+".json"].Version
}

func (s *State) loadTargets(ctx context.Context) error {
	floor := s.versionIn(Targets)
	for _, v := range s.versions[Targets] {
		raw, err := s.files.Read(ctx, fileName(v, Targets))
		if err != nil {
			return err
		}
		meta, err := parse[metadata.TargetsType](raw)
		if err == nil && meta.Signed.Version != v {
			err = fmt.Errorf("%w: it is version %d", ErrMismatch, meta.Signed.Version)
		}
		if err == nil {
			_, err = s.signedBy(Targets, meta)
		}
		if err != nil {
			s.problem("%s: %v", fileName(v, Targets), err)
			continue
		}
		s.targets = append(s.targets, meta)
	}
	if len(s.targets) == 0 && floor > 0 || floor > s.targetsVersion() {
		return fmt.Errorf("%w: %s", ErrMissing, fileName(floor, Targets))
	}

	return nil
}

// newestTargets is nil when there is none.
func (s *State) newestTargets() *targetsMeta {
	if len(s.targets) == 0 {
		return nil
	}

	return s.targets[0]
}

func (s *State) targetsVersion() int64 {
	if len(s.targets) == 0 {
		return 0
	}

	return s.targets[0].Signed.Version
}

func (s *State) delegations() *metadata.Delegations {
	if t := s.newestTargets(); t != nil {
		return t.Signed.Delegations
	}

	return nil
}

// loadDrafts passes over drafts that were published, or that nothing can be
// made of.
func (s *State) loadDrafts(ctx context.Context) error {
	for _, name := range []string{RootDraft, TargetsDraft} {
		raw, err := s.files.Read(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		draft, err := ParseDraft(raw)
		if err != nil || draft.Name() != name {
			s.problem("%s is not a draft that can be read: %v", name, err)
			continue
		}
		present := s.targetsVersion()
		if name == RootDraft {
			present = 0
			if s.root() != nil {
				present = s.root().Signed.Version
			}
		}
		switch {
		case draft.Version() != present+1:
			s.problem("%s is of version %d, but the present one is %d", name, draft.Version(), present)
		case name == RootDraft:
			s.RootDraft = draft
		default:
			s.TargetsDraft = draft
		}
	}

	return nil
}

// targetsIn maps what a bin holds.
func targetsIn(meta *targetsMeta) map[string]Target {
	out := make(map[string]Target, len(meta.Signed.Targets))
	for name, t := range meta.Signed.Targets {
		out[name] = Target{Length: t.Length, SHA256: t.Hashes["sha256"].String()}
	}

	return out
}

// bin is the newest version of a bin that may be carried over.
type bin struct {
	meta    *targetsMeta
	good    bool  // signed for the targets metadata that was asked about
	highest int64 // version that was signed at all
}

// vouched is asked whether a target is the release.json that is there now.
type vouched func(name string, t Target) (bool, error)

// bin finds out what a bin holds. A version that the snapshot does not name yet
// counts only if the present keys signed it and all it changes is so in the
// repository: a publish that was killed leaves such a file, and its release is
// not published.
func (s *State) bin(ctx context.Context, role string, t *targetsMeta, is vouched) (bin, error) {
	var out bin
	floor := s.versionIn(role)
	var before map[string]Target
	if floor > 0 {
		meta, good, err := s.readBin(ctx, role, floor, t)
		if err != nil {
			return bin{}, fmt.Errorf("%w: %w: fetch it from where the repository is served", ErrMissing, err)
		}
		before = targetsIn(meta)
		out = bin{meta, good, floor}
	}
	for _, v := range s.versions[role] {
		if v <= floor {
			break
		}
		meta, good, err := s.readBin(ctx, role, v, t)
		if err != nil {
			s.problem("%v", err)
			continue
		}
		out.highest = max(out.highest, v)
		// A key that was retired does not get anything new in.
		if !good {
			s.problem("%s is left over: it was signed by keys of the past", fileName(v, role))
			continue
		}
		wrong, err := unvouched(before, targetsIn(meta), is)
		if err != nil {
			return bin{}, err
		}
		if wrong != "" {
			s.problem("%s is left over: %s is not so in the repository", fileName(v, role), wrong)
			continue
		}
		out.meta, out.good = meta, good
		break
	}

	return out, nil
}

// unvouched names a target that changed and is not what it should be.
func unvouched(before, after map[string]Target, is vouched) (string, error) {
	for name, t := range after {
		if before[name] == t {
			continue
		}
		ok, err := is(name, t)
		if err != nil || !ok {
			return name, err
		}
	}
	for name := range before {
		if _, there := after[name]; there {
			continue
		}
		// Dropped on purpose only if it is gone.
		ok, err := is(name, Target{})
		if err != nil || !ok {
			return name, err
		}
	}

	return "", nil
}

// readBin returns a bin that was signed for t, or else for targets metadata of
// an earlier time.
func (s *State) readBin(ctx context.Context, role string, version int64, t *targetsMeta) (meta *targetsMeta, good bool, err error) {
	name := fileName(version, role)
	raw, err := read(ctx, s.files, name)
	if err != nil {
		return nil, false, err
	}
	if meta, err = parse[metadata.TargetsType](raw); err != nil {
		return nil, false, fmt.Errorf("%s: %w", name, err)
	}
	if meta.Signed.Version != version {
		return nil, false, fmt.Errorf("%w: %s is version %d", ErrMismatch, name, meta.Signed.Version)
	}
	if err := soundBin(role, meta, t); err != nil {
		return nil, false, fmt.Errorf("%s: %w", name, err)
	}
	if err = verify(t, role, meta); err == nil {
		return meta, true, nil
	}
	for _, older := range s.targets {
		if handsToBins(older) && verify(older, role, meta) == nil {
			return meta, false, nil
		}
	}

	return nil, false, fmt.Errorf("%s: %w", name, err)
}

// soundBin refuses what we would not write.
func soundBin(role string, meta, t *targetsMeta) error {
	if meta.Signed.Delegations != nil {
		return fmt.Errorf("%w: a bin that delegates", ErrMismatch)
	}
	for name, target := range meta.Signed.Targets {
		if binOf(t, name) != role {
			return fmt.Errorf("%w: %q is in the wrong bin", ErrMismatch, name)
		}
		if len(target.Hashes) != 1 || len(target.Hashes["sha256"]) != 32 || target.Length < 0 {
			return fmt.Errorf("%w: %q has not just one sha256", ErrMismatch, name)
		}
	}

	return nil
}

func binOf(t *targetsMeta, target string) string {
	return t.Signed.Delegations.SuccinctRoles.GetRolesForTarget(target)[0].Name
}

// Published is what clients see of a target now, ok when they see any.
func (s *State) Published(ctx context.Context, target string) (t Target, ok bool, err error) {
	for _, meta := range s.targets {
		if meta.Signed.Version != s.versionIn(Targets) {
			continue
		}
		role := binOf(meta, target)
		b, _, err := s.readBin(ctx, role, s.versionIn(role), meta)
		if err != nil {
			return Target{}, false, err
		}
		t, ok = targetsIn(b)[target]
		return t, ok, nil
	}

	return Target{}, false, nil
}

// equalMeta compares what two snapshots name.
func equalMeta(a, b map[string]*metadata.MetaFiles) bool {
	if len(a) != len(b) {
		return false
	}
	for name, f := range a {
		if g := b[name]; g == nil || f.Version != g.Version || f.Length != g.Length || len(f.Hashes)+len(g.Hashes) != 0 {
			return false
		}
	}

	return true
}

// describes tells whether a timestamp names exactly this file.
func describes(t *timestampMeta, version int64, raw []byte) bool {
	f := t.Signed.Meta["snapshot.json"]

	return f.Version == version && f.Length == int64(len(raw)) && bytes.Equal(f.Hashes["sha256"], hash(raw))
}
