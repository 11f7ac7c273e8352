// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

// Options are for Load.
type Options struct {
	// Trusted is a root that must be among the roots of the repository. Nil means
	// that the oldest root there is trusted.
	Trusted []byte

	// LostTimestamp says that no copy of timestamp.json exists any more: Update
	// makes one with a version above all that were counted. It is ErrRequest if the
	// file exists, or nothing was lost.
	LostTimestamp bool
}

// State is the metadata of a repository, as far as its roots vouch for it.
type State struct {
	// Drafts of the next versions, nil if there are none. Anyone who can write to
	// the repository may have made them: read what they say before signing.
	RootDraft, TargetsDraft *Draft

	// Problems are files that were ignored, and why.
	Problems []string

	files         Directory
	versions      map[string][]int64 // by role, newest first
	roots         []*tuf.RootMeta    // a chain, oldest first
	timestamp     *tuf.TimestampMeta
	lostTimestamp bool                // Options.LostTimestamp, and it is lost
	noTimestamp   bool                // NoTimestamp is there
	finished      []string            // drafts that are published
	published     *tuf.SnapshotMeta   // what the timestamp names
	before        *tuf.SnapshotMeta   // the one before it, if it is there
	snapshots     []*tuf.SnapshotMeta // what else could be named, newest first
	targets       []*tuf.TargetsMeta  // signed for one of the roots, newest first
}

// Load reads and verifies the metadata in a directory. There may be none, or no
// more than drafts. Expired metadata is loaded: Update renews it.
func Load(ctx context.Context, files Directory, o Options) (*State, error) {
	s := &State{files: files, versions: map[string][]int64{}}
	names, err := files.Names(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if version, role, ok := tuf.ParseName(name); ok && version < maxVersion {
			s.versions[role] = append(s.versions[role], version)
		}
	}
	s.noTimestamp = slices.Contains(names, NoTimestamp)
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

// Waiting returns the roles whose metadata is missing, or is not signed for the
// newest root. Clients refuse the repository until there are none.
func (s *State) Waiting() []string {
	out := []string{}
	if s.newestTargets() == nil || verify(ringOf(s.root(), Targets), s.newestTargets()) != nil {
		out = append(out, Targets)
	}
	if s.published == nil || verify(ringOf(s.root(), Snapshot), s.published) != nil {
		out = append(out, Snapshot)
	}
	if s.timestamp == nil || verify(ringOf(s.root(), Timestamp), s.timestamp) != nil {
		out = append(out, Timestamp)
	}

	return out
}

// Exists reports whether a root is published.
func (s *State) Exists() bool { return s.root() != nil }

// Authority returns the newest root, or nil if there is none.
func (s *State) Authority() *Authority {
	if s.root() == nil {
		return nil
	}

	return &Authority{s.root()}
}

func (s *State) root() *tuf.RootMeta {
	if len(s.roots) == 0 {
		return nil
	}

	return s.roots[len(s.roots)-1]
}

func (s *State) problem(format string, args ...any) {
	// Bins are read again for other targets metadata.
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.Problems, text) {
		s.Problems = append(s.Problems, text)
	}
}

func (s *State) loadRoots(ctx context.Context, o Options) error {
	versions := slices.Clone(s.versions[Root])
	slices.Reverse(versions)
	for i, v := range versions {
		if v != versions[0]+int64(i) {
			return fmt.Errorf("%w: %s", ErrMissing, tuf.FileName(versions[i-1]+1, Root))
		}
		raw, err := read(ctx, s.files, tuf.FileName(v, Root), Root)
		if err != nil {
			return err
		}
		root, err := loadRoot(raw, v, s.root())
		if err != nil {
			return fmt.Errorf("%s: %w", tuf.FileName(v, Root), err)
		}
		s.roots = append(s.roots, root)
	}

	return pinned(s.roots, o.Trusted)
}

// loadRoot verifies a root by the one before it, if there is one, and by itself.
func loadRoot(raw []byte, version int64, before *tuf.RootMeta) (root *tuf.RootMeta, err error) {
	if before == nil {
		root, err = tuf.FirstRoot(raw)
	} else {
		root, err = tuf.NextRoot(&before.Signed, raw)
	}
	if err == nil {
		err = tuf.CheckIs(version, root)
	}
	if err == nil {
		err = checkPortable(root)
	}

	return root, err
}

// pinned returns ErrPinned unless a chain of roots has the trusted one.
func pinned(roots []*tuf.RootMeta, trusted []byte) error {
	if trusted == nil {
		return nil
	}
	known, err := parse[metadata.RootType](trusted)
	if err != nil {
		return fmt.Errorf("the trusted root: %w", err)
	}
	for _, root := range roots {
		if root.Signed.Version == known.Signed.Version {
			return samePinned(root, known)
		}
	}

	return fmt.Errorf("%w: there is no version %d", ErrPinned, known.Signed.Version)
}

// signedForARoot looks for a root whose keys signed the metadata, the newest first.
// Clients refuse what only an older one vouches for, but it was ours once.
func signedForARoot[T metadata.Roles](s *State, role string, md *metadata.Metadata[T]) error {
	err := fmt.Errorf("%w: there is no root", trust.ErrSignature)
	for i, root := range slices.Backward(s.roots) {
		rerr := verify(ringOf(root, role), md)
		if rerr == nil {
			return nil
		}
		if i == len(s.roots)-1 {
			err = rerr
		}
	}

	return err
}

// loadTimestamp refuses a damaged file: no other file has the version above which
// clients accept the next one.
func (s *State) loadTimestamp(ctx context.Context, o Options) error {
	raw, err := s.files.Fetch(ctx, TimestampFile, tuf.MaxTimestamp)
	gone := errors.Is(err, fetch.ErrNotFound)
	lost := gone && len(s.versions[Snapshot]) > 0
	switch {
	case lost && s.noTimestamp:
		// That file is not signed, and an old one may be here again: what comes next
		// must be right in either case.
		s.lostTimestamp = true
		return nil
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
	var md *tuf.TimestampMeta
	if err == nil {
		md, err = parse[metadata.TimestampType](raw)
	}
	if err == nil {
		err = signedForARoot(s, Timestamp, md)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", TimestampFile, err)
	}
	s.timestamp = md

	return nil
}

func (s *State) loadSnapshots(ctx context.Context) error {
	var named int64
	if s.timestamp != nil {
		f := tuf.SnapshotOf(&s.timestamp.Signed)
		named = f.Version
		raw, err := s.files.Fetch(ctx, tuf.FileName(named, Snapshot), tuf.MaxSnapshot)
		if err == nil {
			err = tuf.CheckFile(f, raw)
		}
		var md *tuf.SnapshotMeta
		if err == nil {
			md, err = s.snapshot(raw, named)
		}
		if err != nil {
			s.problem("%s: %v: what clients see is not known", tuf.FileName(named, Snapshot), err)
		} else {
			s.published = md
		}
	}
	for _, v := range s.versions[Snapshot] {
		if v == named && s.published == nil {
			break
		}
		raw, err := s.files.Fetch(ctx, tuf.FileName(v, Snapshot), tuf.MaxSnapshot)
		if err != nil {
			return err
		}
		md, err := s.snapshot(raw, v)
		switch {
		case err != nil && v > named:
			s.problem("%s: %v", tuf.FileName(v, Snapshot), err)
		case err != nil:
		case v < named:
			s.before = md
			return nil
		default:
			s.snapshots = append(s.snapshots, md)
		}
	}

	return nil
}

func (s *State) snapshot(raw []byte, version int64) (*tuf.SnapshotMeta, error) {
	md, err := parse[metadata.SnapshotType](raw)
	if err == nil {
		err = tuf.CheckIs(version, md)
	}
	if err == nil {
		err = signedForARoot(s, Snapshot, md)
	}

	return md, err
}

// versionIn returns which version of a role the published snapshot names.
func (s *State) versionIn(role string) int64 { return versionIn(s.published, role) }

// versionIn returns which version of a role a snapshot names, or 0. The snapshot may be
// nil.
func versionIn(snapshot *tuf.SnapshotMeta, role string) int64 {
	if snapshot == nil || snapshot.Signed.Meta[role+".json"] == nil {
		return 0
	}

	return snapshot.Signed.Meta[role+".json"].Version
}

func (s *State) loadTargets(ctx context.Context) error {
	floor := s.versionIn(Targets)
	for _, v := range s.versions[Targets] {
		name := tuf.FileName(v, Targets)
		raw, err := s.files.Fetch(ctx, name, tuf.MaxTargets)
		if err != nil {
			return err
		}
		md, err := parse[metadata.TargetsType](raw)
		if err == nil {
			err = tuf.CheckIs(v, md)
		}
		if err == nil {
			err = signedForARoot(s, Targets, md)
		}
		if err != nil {
			s.problem("%s: %v", name, err)
			continue
		}
		s.targets = append(s.targets, md)
	}
	if len(s.targets) == 0 && floor > 0 || floor > s.targetsVersion() {
		return fmt.Errorf("%w: %s", ErrMissing, tuf.FileName(floor, Targets))
	}

	return nil
}

// newestTargets is nil if there are none.
func (s *State) newestTargets() *tuf.TargetsMeta {
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

// loadDrafts ignores drafts that were published already and files that are no drafts.
func (s *State) loadDrafts(ctx context.Context) error {
	for _, role := range []string{Root, Targets} {
		name := draftName(role)
		raw, err := s.files.Fetch(ctx, name, tuf.Limit(role))
		if errors.Is(err, fetch.ErrNotFound) {
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
		latest := s.targetsVersion()
		published := &Draft{targets: s.newestTargets()}
		if name == RootDraft {
			latest = 0
			published = &Draft{root: s.root()}
			if s.root() != nil {
				latest = s.root().Signed.Version
			}
		}
		switch {
		case latest > 0 && draft.Version() == latest && draft.SaysSame(published):
			s.finished = append(s.finished, name)
		case draft.Version() != latest+1:
			s.problem("%s is of version %d, but the latest is %d", name, draft.Version(), latest)
		case name == RootDraft:
			s.RootDraft = draft
		default:
			s.TargetsDraft = draft
		}
	}

	return nil
}
