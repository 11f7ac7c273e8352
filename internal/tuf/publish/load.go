// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
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

	// LostTimestamp says that timestamp.json is not to be had any more, from
	// nowhere: Update makes one whose version is above all that were counted. It
	// is ErrRequest when the file is there, or nothing was lost.
	LostTimestamp bool
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
	// lostTimestamp is Options.LostTimestamp, where it is so.
	lostTimestamp bool
	published     *snapshotMeta   // what the timestamp names
	snapshots     []*snapshotMeta // what else could be named, newest first
	targets       []*targetsMeta  // signed for one of the roots, newest first
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
		func(ctx context.Context) error { return s.loadTimestamp(ctx, o) },
		s.loadSnapshots, s.loadTargets, s.loadDrafts,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}

	return s, nil
}

// Waiting names the roles whose metadata is not there, or not signed for the
// present root: until it is, clients refuse the repository.
func (s *State) Waiting() []string {
	out := []string{}
	if s.newestTargets() == nil || verify(s.root(), Targets, s.newestTargets()) != nil {
		out = append(out, Targets)
	}
	if s.published == nil || verify(s.root(), Snapshot, s.published) != nil {
		out = append(out, Snapshot)
	}
	if s.timestamp == nil || verify(s.root(), Timestamp, s.timestamp) != nil {
		out = append(out, Timestamp)
	}

	return out
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
	// Bins are looked at again for other targets metadata.
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.Problems, text) {
		s.Problems = append(s.Problems, text)
	}
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
	if trusted == nil {
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
func (s *State) signedBy(role string, meta any) error {
	err := fmt.Errorf("%w: there is no root", ErrSignatures)
	for i, root := range slices.Backward(s.roots) {
		rerr := verify(root, role, meta)
		if rerr == nil {
			return nil
		}
		if i == len(s.roots)-1 {
			err = rerr
		}
	}

	return err
}

// loadTimestamp refuses a damaged file: nothing else tells the version above
// which clients accept the next one.
func (s *State) loadTimestamp(ctx context.Context, o Options) error {
	raw, err := s.files.Read(ctx, TimestampFile)
	gone := errors.Is(err, fs.ErrNotExist)
	lost := gone && len(s.versions[Snapshot]) > 0
	switch {
	case lost && o.LostTimestamp:
		s.lostTimestamp = true
		s.problem("%s is lost: what clients see is not known", TimestampFile)
		return nil
	case lost:
		return fmt.Errorf("%w: %s", ErrMissing, TimestampFile)
	case o.LostTimestamp:
		return fmt.Errorf("%w: %s is not lost", ErrRequest, TimestampFile)
	case gone:
		return nil
	}
	if err != nil {
		return err
	}
	meta, err := parse[metadata.TimestampType](raw)
	if err == nil {
		err = s.signedBy(Timestamp, meta)
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
		} else {
			s.published = meta
		}
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

	return meta, s.signedBy(Snapshot, meta)
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
			err = s.signedBy(Targets, meta)
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
