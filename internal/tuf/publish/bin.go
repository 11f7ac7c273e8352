// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"bytes"
	"context"
	"fmt"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

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
		if wrong != "" && s.lostTimestamp {
			return bin{}, fmt.Errorf("%w: %s says otherwise of %q than the repository, and nothing tells whether clients see it", ErrMismatch, fileName(v, role), wrong)
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
		if meta.Signed.Version != s.versionIn(Targets) || !handsToBins(meta) {
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
