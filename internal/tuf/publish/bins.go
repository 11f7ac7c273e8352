// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"fmt"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

// bin is the newest version of a bin that may be carried over.
type bin struct {
	meta    *tuf.TargetsMeta
	good    bool  // signed for the targets metadata that it was read for
	highest int64 // version that was signed at all
}

// currentFunc reports whether a target is the release.json that the repository has.
type currentFunc func(name string, t Target) (bool, error)

// bin returns the newest version of a bin. A version that the snapshot does not name
// yet counts only if the latest keys signed it and the repository has all that it
// changes: a publish that was killed leaves such a file, and its release is not
// published.
func (s *State) bin(ctx context.Context, role string, t *tuf.TargetsMeta, is currentFunc) (bin, error) {
	var out bin
	floor := s.versionIn(role)
	var before map[string]Target
	if floor > 0 {
		meta, good, err := s.readBin(ctx, role, floor, t)
		if err != nil {
			return bin{}, fmt.Errorf("%w: %w: download it from where the repository is served", ErrMissing, err)
		}
		before = targetsIn(meta)
		out = bin{meta, good, floor}
	}
	for _, v := range s.versions[role] {
		if v <= floor {
			break
		}
		name := tuf.FileName(v, role)
		meta, good, err := s.readBin(ctx, role, v, t)
		if err != nil {
			s.problem("%v", err)
			continue
		}
		out.highest = max(out.highest, v)
		// A replaced key adds nothing new (T40).
		if !good {
			s.problem("%s is left over: replaced keys signed it", name)
			continue
		}
		wrong, err := notCurrent(before, targetsIn(meta), is)
		if err != nil {
			return bin{}, err
		}
		if wrong != "" && s.lostTimestamp {
			return bin{}, fmt.Errorf("%w: %s lists another %q than the repository has, and it is not known whether clients see it", trust.ErrMismatch, name, wrong)
		}
		if wrong != "" {
			s.problem("%s is left over: it lists another %s than the repository has", name, wrong)
			continue
		}
		out.meta, out.good = meta, good
		break
	}

	return out, nil
}

// notCurrent returns a target that changed and is not what the repository has, or "".
func notCurrent(before, after map[string]Target, is currentFunc) (string, error) {
	for name, t := range after {
		if before[name] == t {
			continue
		}
		if ok, err := is(name, t); err != nil || !ok {
			return name, err
		}
	}
	for name := range before {
		if _, there := after[name]; there {
			continue
		}
		if ok, err := is(name, Target{}); err != nil || !ok {
			return name, err
		}
	}

	return "", nil
}

// readBin returns a bin that was signed for t or, with good false, for older targets
// metadata.
func (s *State) readBin(ctx context.Context, role string, version int64, t *tuf.TargetsMeta) (md *tuf.TargetsMeta, good bool, err error) {
	name := tuf.FileName(version, role)
	raw, err := read(ctx, s.files, name, role)
	if err != nil {
		return nil, false, err
	}
	md, err = parse[metadata.TargetsType](raw)
	if err == nil {
		err = tuf.CheckIs(version, md)
	}
	if err == nil {
		err = checkBin(role, md, t)
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", name, err)
	}
	if err = verify(binsRing(t), md); err == nil {
		return md, true, nil
	}
	for _, older := range s.targets {
		if usesBins(older) && verify(binsRing(older), md) == nil {
			return md, false, nil
		}
	}

	return nil, false, fmt.Errorf("%s: %w", name, err)
}
