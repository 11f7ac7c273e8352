// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"fmt"
	"math/bits"
	"slices"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/trust"
)

// Draft is root or targets metadata that is on its way from one key holder to
// the next.
type Draft struct {
	root    *rootMeta
	targets *targetsMeta
}

// ParseDraft reads a draft. Its signatures are looked at when it is signed.
func ParseDraft(raw []byte) (*Draft, error) {
	root, err := parse[metadata.RootType](raw)
	if err == nil {
		return &Draft{root: root}, nil
	}
	targets, terr := parse[metadata.TargetsType](raw)
	if terr != nil {
		return nil, fmt.Errorf("neither root nor targets: %w", err)
	}
	if !handsToBins(targets) {
		return nil, fmt.Errorf("%w: targets that hands nothing to bins", ErrMalformed)
	}

	return &Draft{targets: targets}, nil
}

// handsToBins reports whether all releases are in bins as we make them. Targets
// in the metadata itself would come before those of the bins, and nobody would
// see them in a list of keys.
func handsToBins(t *targetsMeta) bool {
	d := t.Signed.Delegations

	return len(t.Signed.Targets) == 0 && d != nil && len(d.Roles) == 0 && d.SuccinctRoles != nil && d.SuccinctRoles.NamePrefix == Bins && d.SuccinctRoles.BitLength <= bits.Len(MaxBins)-1
}

// Role is Root or Targets.
func (d *Draft) Role() string {
	if d.root != nil {
		return Root
	}

	return Targets
}

// Version is what the draft will be.
func (d *Draft) Version() int64 {
	if d.root != nil {
		return d.root.Signed.Version
	}

	return d.targets.Signed.Version
}

// Name is that of the draft's file.
func (d *Draft) Name() string {
	if d.root != nil {
		return RootDraft
	}

	return TargetsDraft
}

// File is the draft with the signatures that it has.
func (d *Draft) File() (File, error) {
	if d.root != nil {
		raw, err := format(d.root)
		return File{d.Name(), raw}, err
	}
	raw, err := format(d.targets)

	return File{d.Name(), raw}, err
}

// Authority is a root, as far as it is needed to judge a draft.
type Authority struct{ root *rootMeta }

// ParseAuthority reads a root that has enough signatures of its own keys. Whose
// they are is for the caller to know.
func ParseAuthority(raw []byte) (*Authority, error) {
	root, err := parse[metadata.RootType](raw)
	if err != nil {
		return nil, err
	}
	if err := verify(root, Root, root); err != nil {
		return nil, err
	}

	return &Authority{root}, nil
}

// Version is that of the root.
func (a *Authority) Version() int64 { return a.root.Signed.Version }

// rings are the keys of which thresholds have to sign: for a root those it
// names, and those of the root before it.
func (d *Draft) rings(present *Authority) ([]keyring, error) {
	if d.targets != nil {
		if present == nil {
			return nil, fmt.Errorf("%w: the root that names the targets keys", ErrMissing)
		}
		return []keyring{ringOf(present.root, Targets)}, nil
	}
	rings := []keyring{ringOf(d.root, Root)}
	if present != nil {
		if d.root.Signed.Version != present.root.Signed.Version+1 {
			return nil, fmt.Errorf("%w: the draft is of root version %d, the present one is %d", ErrDraft, d.root.Signed.Version, present.root.Signed.Version)
		}
		rings = append(rings, ringOf(present.root, Root))
	}

	return rings, nil
}

// Sign adds a signature. A key that has signed before signs again, which
// changes nothing. Present is the root before this one, or the one that names
// the targets keys; without it only a key of the new root can sign.
func (d *Draft) Sign(ctx context.Context, signer *Signer, present *Authority) error {
	ring, err := d.ring(signer.key, present)
	if err != nil {
		return err
	}
	if d.root != nil {
		return signOne(ctx, d.root, ring, signer)
	}

	return signOne(ctx, d.targets, ring, signer)
}

// MaySign returns ErrKey unless the draft is for this key to sign.
func (d *Draft) MaySign(key trust.Key, present *Authority) error {
	_, err := d.ring(key, present)

	return err
}

// Names reports whether the draft gives a role to the key.
func (d *Draft) Names(key trust.Key) bool {
	if d.targets != nil {
		_, ok := binsRing(d.targets.Signed.Delegations).id(key)
		return ok
	}

	return slices.ContainsFunc([]string{Root, Targets, Snapshot, Timestamp}, func(role string) bool {
		_, ok := ringOf(d.root, role).id(key)
		return ok
	})
}

func (d *Draft) ring(key trust.Key, present *Authority) (keyring, error) {
	rings, err := d.rings(present)
	if err != nil {
		return keyring{}, err
	}
	for _, ring := range rings {
		if _, ok := ring.id(key); ok {
			return ring, nil
		}
	}

	return keyring{}, fmt.Errorf("%w: %s does not sign for %s", ErrKey, KeyID(key), d.Role())
}

// Merge takes over the valid signatures of a copy of the draft, and tells how
// many it did not have.
func (d *Draft) Merge(other *Draft, present *Authority) (int, error) {
	same, err := sameSigned(d.signed(), other.signed())
	if err != nil {
		return 0, err
	}
	if d.Role() != other.Role() || !same {
		return 0, fmt.Errorf("%w: the copy is of another draft", ErrDraft)
	}
	rings, err := d.rings(present)
	if err != nil {
		return 0, err
	}
	added := 0
	mine := d.signatures()
	for _, ring := range rings {
		have := ring.signers(d.signed(), *mine)
		for _, id := range ring.signers(other.signed(), *other.signatures()) {
			if slices.Contains(have, id) {
				continue
			}
			at := slices.IndexFunc(*other.signatures(), func(s metadata.Signature) bool { return s.KeyID == id })
			*mine = slices.DeleteFunc(*mine, func(s metadata.Signature) bool { return s.KeyID == id })
			*mine = append(*mine, (*other.signatures())[at])
			added++
		}
	}

	return added, nil
}

func (d *Draft) signed() any {
	if d.root != nil {
		return d.root.Signed
	}

	return d.targets.Signed
}

func (d *Draft) signatures() *[]metadata.Signature {
	if d.root != nil {
		return &d.root.Signatures
	}

	return &d.targets.Signatures
}

func sameSigned(a, b any) (bool, error) {
	one, err := payload(a)
	if err != nil {
		return false, err
	}
	other, err := payload(b)

	return slices.Equal(one, other), err
}

// Progress is how far the signing of a draft has come for one of the sets of
// keys whose threshold it needs.
type Progress struct {
	Of        string   `json:"of"` // "root", "previous root" or "targets"
	Threshold int      `json:"threshold"`
	Signed    []string `json:"signed"`  // key ids
	Missing   []string `json:"missing"` // who may sign still
}

// Done reports that enough have signed.
func (p Progress) Done() bool { return len(p.Signed) >= p.Threshold }

// Progress tells who has signed and who may.
func (d *Draft) Progress(present *Authority) ([]Progress, error) {
	rings, err := d.rings(present)
	if err != nil {
		return nil, err
	}
	names := []string{d.Role(), "previous root"}
	out := make([]Progress, 0, len(rings))
	for i, ring := range rings {
		p := Progress{Of: names[i], Threshold: ring.threshold, Signed: ring.signers(d.signed(), *d.signatures()), Missing: []string{}}
		for _, id := range ring.ids {
			if !slices.Contains(p.Signed, id) {
				p.Missing = append(p.Missing, id)
			}
		}
		out = append(out, p)
	}

	return out, nil
}

// Finish returns the file to publish once enough have signed, and
// ErrSignatures before that.
func (d *Draft) Finish(present *Authority) (File, error) {
	if _, err := d.rings(present); err != nil {
		return File{}, err
	}
	if d.targets != nil {
		if err := verify(present.root, Targets, d.targets); err != nil {
			return File{}, err
		}
		raw, err := format(d.targets)
		return File{fileName(d.Version(), Targets), raw}, err
	}
	if err := verify(d.root, Root, d.root); err != nil {
		return File{}, err
	}
	if present != nil {
		if err := verify(present.root, Root, d.root); err != nil {
			return File{}, err
		}
	}
	raw, err := format(d.root)

	return File{fileName(d.Version(), Root), raw}, err
}

// Adopt makes a finished draft part of the state, so that Update goes on from
// there, and returns the file to publish.
func (s *State) Adopt(d *Draft) (File, error) {
	file, err := d.Finish(s.Authority())
	if err != nil {
		return File{}, err
	}
	if d.root != nil {
		s.roots, s.RootDraft = append(s.roots, d.root), nil
	} else {
		s.targets, s.TargetsDraft = slices.Insert(s.targets, 0, d.targets), nil
	}

	return file, nil
}
