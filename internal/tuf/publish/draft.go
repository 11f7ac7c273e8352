// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

// Draft is root or targets metadata that is not completely signed yet. It goes from
// one key holder to the next.
type Draft struct {
	root    *tuf.RootMeta
	targets *tuf.TargetsMeta
}

// ParseDraft reads a draft. It does not verify the signatures: Sign, Merge and Finish
// do. It returns trust.ErrMalformed.
func ParseDraft(raw []byte) (*Draft, error) {
	root, err := parse[metadata.RootType](raw)
	if err == nil {
		return &Draft{root: root}, nil
	}
	targets, terr := parse[metadata.TargetsType](raw)
	if terr != nil {
		return nil, fmt.Errorf("neither root nor targets: %w", err)
	}
	if !usesBins(targets) {
		return nil, fmt.Errorf("%w: targets that delegates releases to other roles than bins", trust.ErrMalformed)
	}

	return &Draft{targets: targets}, nil
}

// Role is Root or Targets.
func (d *Draft) Role() string {
	if d.root != nil {
		return Root
	}

	return Targets
}

// Version is the version that the draft will have.
func (d *Draft) Version() int64 {
	if d.root != nil {
		return d.root.Signed.Version
	}

	return d.targets.Signed.Version
}

// Name returns the name of the draft's file.
func (d *Draft) Name() string { return draftName(d.Role()) }

func draftName(role string) string {
	if role == Root {
		return RootDraft
	}

	return TargetsDraft
}

// File returns the draft with the signatures that it has.
func (d *Draft) File() (File, error) {
	raw, err := d.format()

	return File{d.Name(), raw}, err
}

func (d *Draft) format() (raw []byte, err error) {
	if d.root != nil {
		raw, _, err = format(d.root)
	} else {
		raw, _, err = format(d.targets)
	}

	return raw, err
}

// Authority is a root, as far as it is needed to verify a draft.
type Authority struct{ root *tuf.RootMeta }

// ParseAuthority reads a root that enough of its own keys signed. The caller has to
// know whether it trusts them.
func ParseAuthority(raw []byte) (*Authority, error) {
	root, err := tuf.FirstRoot(raw)
	if err != nil {
		return nil, err
	}

	return &Authority{root}, nil
}

// Version is the version of the root.
func (a *Authority) Version() int64 { return a.root.Signed.Version }

// rings returns the keyrings of which all have to sign: for a root its own and that
// of the root before it.
func (d *Draft) rings(present *Authority) ([]tuf.Keyring, error) {
	if d.targets != nil {
		if present == nil {
			return nil, fmt.Errorf("%w: the root that names the targets keys", ErrMissing)
		}
		return []tuf.Keyring{ringOf(present.root, Targets)}, nil
	}
	rings := []tuf.Keyring{ringOf(d.root, Root)}
	if present != nil {
		if d.root.Signed.Version != present.root.Signed.Version+1 {
			return nil, fmt.Errorf("%w: the draft is of root version %d, the latest is %d", ErrDraft, d.root.Signed.Version, present.root.Signed.Version)
		}
		rings = append(rings, ringOf(present.root, Root))
	}

	return rings, nil
}

// Sign adds a signature. If the key has signed already, nothing changes. Present is
// the root before this one, or the one that names the targets keys; without it only a
// key of the new root can sign.
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

// MaySign returns ErrKey unless this key may sign the draft.
func (d *Draft) MaySign(key trust.Key, present *Authority) error {
	_, err := d.ring(key, present)

	return err
}

// Names reports whether the draft gives a role to the key.
func (d *Draft) Names(key trust.Key) bool {
	if d.targets != nil {
		return hasKey(binsRing(d.targets), key)
	}

	return slices.ContainsFunc([]string{Root, Targets, Snapshot, Timestamp}, func(role string) bool {
		return hasKey(ringOf(d.root, role), key)
	})
}

func (d *Draft) ring(key trust.Key, present *Authority) (tuf.Keyring, error) {
	rings, err := d.rings(present)
	if err != nil {
		return tuf.Keyring{}, err
	}
	for _, ring := range rings {
		if hasKey(ring, key) {
			return ring, nil
		}
	}

	return tuf.Keyring{}, fmt.Errorf("%w: %s does not sign for %s", ErrKey, KeyID(key), d.Role())
}

// Merge takes over the valid signatures of a copy of the draft, and returns how many
// were new.
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
	mine, theirs := d.signatures(), *other.signatures()
	for _, ring := range rings {
		have := d.signedBy(ring)
		for _, id := range other.signedBy(ring) {
			if slices.Contains(have, id) {
				continue
			}
			at := slices.IndexFunc(theirs, func(s metadata.Signature) bool { return s.KeyID == id })
			*mine = slices.DeleteFunc(*mine, func(s metadata.Signature) bool { return s.KeyID == id })
			*mine = append(*mine, theirs[at])
			added++
		}
	}

	return added, nil
}

// SaysSame reports whether two drafts say the same, except for the time of expiry.
func (d *Draft) SaysSame(other *Draft) bool {
	if d.Role() != other.Role() {
		return false
	}
	says := other.signed()
	switch signed := says.(type) {
	case metadata.RootType:
		signed.Expires = d.root.Signed.Expires
		says = signed
	case metadata.TargetsType:
		signed.Expires = d.targets.Signed.Expires
		says = signed
	}
	same, err := sameSigned(d.signed(), says)

	return err == nil && same
}

// Repeats reports whether a draft, which anybody may have put where it was found, is
// what the same command makes now: it says the same, expires no later, and would not
// have to be renewed yet.
func (d *Draft) Repeats(fresh *Draft, now time.Time) bool {
	return d.SaysSame(fresh) && !d.expires().After(fresh.expires()) && !due(d.expires(), fresh.expires().Sub(now), now)
}

func (d *Draft) expires() time.Time {
	if d.root != nil {
		return d.root.Signed.Expires
	}

	return d.targets.Signed.Expires
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

func (d *Draft) signedBy(r tuf.Keyring) []string {
	if d.root != nil {
		return signedBy(r, d.root)
	}

	return signedBy(r, d.targets)
}

// Progress is how many keys of one keyring have signed a draft.
type Progress struct {
	Of        string   `json:"of"` // "root", "previous root" or "targets"
	Threshold int      `json:"threshold"`
	Signed    []string `json:"signed"`  // key ids
	Missing   []string `json:"missing"` // key ids that have not signed
}

// Done reports that enough keys have signed.
func (p Progress) Done() bool { return len(p.Signed) >= p.Threshold }

// Progress returns that of each keyring whose threshold the draft needs.
func (d *Draft) Progress(present *Authority) ([]Progress, error) {
	rings, err := d.rings(present)
	if err != nil {
		return nil, err
	}
	names := []string{d.Role(), "previous root"}
	out := make([]Progress, 0, len(rings))
	for i, ring := range rings {
		p := Progress{Of: names[i], Threshold: ring.Threshold, Signed: d.signedBy(ring), Missing: []string{}}
		for _, id := range ring.Names {
			if !slices.Contains(p.Signed, id) {
				p.Missing = append(p.Missing, id)
			}
		}
		out = append(out, p)
	}

	return out, nil
}

// Finish returns the file to publish. It returns trust.ErrUnsigned, ErrSignature or
// ErrThreshold as long as too few keys have signed.
func (d *Draft) Finish(present *Authority) (File, error) {
	rings, err := d.rings(present)
	if err != nil {
		return File{}, err
	}
	for _, ring := range rings {
		if d.root != nil {
			err = verify(ring, d.root)
		} else {
			err = verify(ring, d.targets)
		}
		if err != nil {
			return File{}, fmt.Errorf("%s: %w", d.Name(), err)
		}
	}
	raw, err := d.format()

	return File{tuf.FileName(d.Version(), d.Role()), raw}, err
}

// Adopt makes a finished draft part of the state, so that Update starts from it, and
// returns the file to publish.
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
