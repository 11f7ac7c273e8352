// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/trust"
)

// Setup is what Init begins with.
type Setup struct {
	Root      []trust.Key
	Threshold int // how many of Root have to sign, 1…len(Root)

	// Of each of these one key is enough. Snapshot and Timestamp are online,
	// Release signs releases and bins, Targets is kept offline as the root keys.
	Targets, Release, Snapshot, Timestamp []trust.Key

	Bins     int // a power of two, 2…MaxBins
	Validity Validity
	Now      time.Time
}

// Init makes the drafts of the first root and the first targets metadata. It
// refuses keys that would be offline and online at once.
func Init(s Setup) (root, targets *Draft, err error) {
	b := bits.Len(uint(max(s.Bins, 0))) - 1
	if s.Bins < 2 || s.Bins > MaxBins || s.Bins != 1<<b {
		return nil, nil, fmt.Errorf("%w: %d bins, they are a power of two from 2 to %d", ErrRequest, s.Bins, MaxBins)
	}
	for _, role := range []string{Root, Targets, Bins, Snapshot, Timestamp} {
		if v := s.Validity.of(role); v < time.Second || v != v.Truncate(time.Second) || v > 100*365*day {
			return nil, nil, fmt.Errorf("%w: %s would be valid for %s", ErrRequest, role, v)
		}
	}
	r := metadata.Root(expiry(s.Now, s.Validity.Root))
	d := &metadata.Delegations{
		Keys: map[string]*metadata.Key{},
		SuccinctRoles: &metadata.SuccinctRoles{
			KeyIDs: []string{}, Threshold: 1, BitLength: b, NamePrefix: Bins,
		},
	}
	setValidity(&d.SuccinctRoles.UnrecognizedFields, s.Validity.Bins)
	t := metadata.Targets(expiry(s.Now, s.Validity.Targets))
	t.Signed.Delegations = d
	root, targets = &Draft{root: r}, &Draft{targets: t}
	for _, given := range []struct {
		role      string
		keys      []trust.Key
		threshold int
	}{
		{Root, s.Root, s.Threshold}, {Targets, s.Targets, 1}, {Snapshot, s.Snapshot, 1}, {Timestamp, s.Timestamp, 1}, {Bins, s.Release, 1},
	} {
		draft := root
		if given.role == Bins {
			draft = targets
		} else {
			setValidity(&r.Signed.Roles[given.role].UnrecognizedFields, s.Validity.of(given.role))
		}
		if err := draft.change(given.role, given.keys, nil, given.threshold); err != nil {
			return nil, nil, err
		}
	}

	return root, targets, separate(r, d)
}

// separate keeps keys that lie in a safe apart from those that a machine holds:
// one theft would take both.
func separate(root *rootMeta, d *metadata.Delegations) error {
	online := slices.Concat(ringOf(root, Snapshot).trusted(), ringOf(root, Timestamp).trusted())
	if d != nil && d.SuccinctRoles != nil {
		online = append(online, binsRing(d).trusted()...)
	}
	for _, role := range []string{Root, Targets} {
		for _, key := range ringOf(root, role).trusted() {
			if slices.Contains(online, key) {
				return fmt.Errorf("%w: key %s would be kept offline for %s, and be used by a machine", ErrRequest, KeyID(key), role)
			}
		}
	}

	return nil
}

// Rotation changes the keys of roles. Without a change it renews: the next
// version says the same and expires later.
type Rotation struct {
	// Roles are of the root, or Bins alone. Their keys change alike.
	Roles     []string
	Add       []trust.Key
	Remove    []string // ids
	Threshold int      // 0 leaves it
	Now       time.Time
}

// Rotate drafts the next version of the root, or of the targets metadata when
// the roles are the bins. A draft of that version which is there already is
// changed further; signatures on it are void then, and dropped.
func (s *State) Rotate(r Rotation) (*Draft, error) {
	draft, err := s.next(slices.Contains(r.Roles, Bins), r.Now)
	if err != nil {
		return nil, err
	}
	for _, role := range r.Roles {
		if err := draft.change(role, r.Add, r.Remove, r.Threshold); err != nil {
			return nil, err
		}
	}
	root, delegations := draft.root, s.delegations()
	if draft.targets != nil {
		root, delegations = s.root(), draft.targets.Signed.Delegations
	}

	return draft, separate(root, delegations)
}

func (s *State) next(targets bool, now time.Time) (*Draft, error) {
	if s.root() == nil {
		return nil, fmt.Errorf("%w: there is no root to start from", ErrMissing)
	}
	if !targets {
		draft := &Draft{}
		from := s.root()
		if s.RootDraft != nil {
			from = s.RootDraft.root
		}
		var err error
		if draft.root, err = clone(from); err != nil {
			return nil, err
		}
		draft.root.Signed.Version = s.root().Signed.Version + 1
		draft.root.Signed.Expires = expiry(now, validityOf(from.Signed.Roles[Root].UnrecognizedFields, Root))
		return draft, nil
	}
	from := s.newestTargets()
	if s.TargetsDraft != nil {
		from = s.TargetsDraft.targets
	}
	if from == nil {
		return nil, fmt.Errorf("%w: there is no targets metadata to start from", ErrMissing)
	}
	if !handsToBins(from) {
		return nil, fmt.Errorf("%w: targets hands nothing to bins", ErrMismatch)
	}
	meta, err := clone(from)
	if err != nil {
		return nil, err
	}
	meta.Signed.Version = s.targetsVersion() + 1
	meta.Signed.Expires = expiry(now, validityOf(s.root().Signed.Roles[Targets].UnrecognizedFields, Targets))

	return &Draft{targets: meta}, nil
}

// clone copies metadata without its signatures.
func clone[T metadata.Roles](meta *metadata.Metadata[T]) (*metadata.Metadata[T], error) {
	raw, err := meta.ToBytes(false)
	if err != nil {
		return nil, err
	}
	out, err := parse[T](raw)
	if err != nil {
		return nil, err
	}
	out.Signatures = []metadata.Signature{}

	return out, nil
}

// change adds and removes keys of one role.
func (d *Draft) change(role string, add []trust.Key, remove []string, threshold int) error {
	var keys map[string]*metadata.Key
	var ids *[]string
	var limit *int
	if role == Bins {
		s := d.targets.Signed.Delegations.SuccinctRoles
		keys, ids, limit = d.targets.Signed.Delegations.Keys, &s.KeyIDs, &s.Threshold
	} else {
		r := d.root.Signed.Roles[role]
		if r == nil {
			return fmt.Errorf("%w: there is no role %q", ErrRequest, role)
		}
		keys, ids, limit = d.root.Signed.Keys, &r.KeyIDs, &r.Threshold
	}
	for _, id := range remove {
		if !slices.Contains(*ids, id) {
			return fmt.Errorf("%w: %s has no key %s", ErrRequest, role, id)
		}
		*ids = slices.DeleteFunc(*ids, func(x string) bool { return x == id })
	}
	for _, key := range add {
		if _, there := (keyring{keys, *ids, 0}).id(key); there {
			return fmt.Errorf("%w: %s has the key %s already", ErrRequest, role, KeyID(key))
		}
		k, id, err := newKey(key)
		if err != nil {
			return err
		}
		keys[id] = k
		*ids = append(*ids, id)
	}
	if threshold != 0 {
		*limit = threshold
	}
	if *limit < 1 || *limit > len(*ids) {
		return fmt.Errorf("%w: %d of %d keys for %s", ErrRequest, *limit, len(*ids), role)
	}
	d.forget()

	return nil
}

// forget drops keys that no role has any longer.
func (d *Draft) forget() {
	if d.targets != nil {
		dl := d.targets.Signed.Delegations
		for id := range dl.Keys {
			if !slices.Contains(dl.SuccinctRoles.KeyIDs, id) {
				delete(dl.Keys, id)
			}
		}
		return
	}
	for id := range d.root.Signed.Keys {
		used := false
		for _, role := range d.root.Signed.Roles {
			used = used || slices.Contains(role.KeyIDs, id)
		}
		if !used {
			delete(d.root.Signed.Keys, id)
		}
	}
}

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

// handsToBins reports whether all releases are in bins as we make them.
func handsToBins(t *targetsMeta) bool {
	d := t.Signed.Delegations

	return d != nil && len(d.Roles) == 0 && d.SuccinctRoles != nil && d.SuccinctRoles.NamePrefix == Bins && d.SuccinctRoles.BitLength <= bits.Len(MaxBins)-1
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
	rings, err := d.rings(present)
	if err != nil {
		return err
	}
	for _, ring := range rings {
		if _, ok := ring.id(signer.key); !ok {
			continue
		}
		if d.root != nil {
			return signOne(ctx, d.root, ring, signer)
		}
		return signOne(ctx, d.targets, ring, signer)
	}

	return fmt.Errorf("%w: %s does not sign for %s", ErrKey, KeyID(signer.key), d.Role())
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
