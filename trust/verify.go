// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/choria-io/go-updater/internal/jcs"
)

// ClockSkew is how far the publisher's clock may be ahead of ours.
const ClockSkew = 10 * time.Minute

// Want is what the caller asked for and what it knows. Only Name, LastSeen,
// Running and Accepted may be left empty.
type Want struct {
	Name     string    // the product; empty: the name is not checked
	Version  string    //
	OS       string    //
	Arch     string    //
	Now      time.Time // read once by the caller
	LastSeen time.Time // the latest Now of an accepted document; expiry is judged by the later of the two

	Running  string    // the version that runs here: the floor when nothing is remembered
	Accepted *Accepted // the highest release accepted so far under this policy

	// Compare orders two versions; ok is false when they have no order. It is
	// needed when Running or Accepted is set.
	Compare        func(a, b string) (order int, ok bool)
	AllowDowngrade bool
}

// Accepted is what a client remembers of a release it installed.
type Accepted struct {
	Version  string
	Released time.Time
}

// Verified holds the facts that a document proved.
type Verified struct {
	Release Release
	Signers []string          // ids of the distinct trusted keys that signed
	Digest  [sha256.Size]byte // sha256 of the canonical document without its signatures
	Legacy  bool              // a document of v0.1.0: of Release only Binary and Hash are set
}

// Verify checks a release document against a policy and an expectation, in
// the order of the package documentation, and returns what it proved. Any
// error means that nothing of the document may be used; which one is told by
// the package's sentinels.
func Verify(document []byte, p *Policy, w Want) (*Verified, error) {
	doc, err := parse(document)
	if err != nil {
		return nil, err
	}
	body := signedBody(doc)
	signers, err := p.verify(doc, body)
	if err != nil {
		return nil, err
	}
	return w.facts(doc, body, signers)
}

// VerifyVouched is [Verify] for a document whose origin is proved by other means
// than signatures in it, such as TUF metadata that hold its hash. by are the ids of
// those who vouch for every byte of the document; there must be at least one. With
// a policy both must hold; with a nil policy the signatures in the document are
// not looked at. Signers are then the policy's and those.
func VerifyVouched(document []byte, by []string, p *Policy, w Want) (*Verified, error) {
	doc, err := parse(document)
	if err != nil {
		return nil, err
	}
	if len(by) == 0 {
		return nil, fmt.Errorf("%w: no authority vouches for it", ErrUnsigned)
	}
	body := signedBody(doc)
	if p == nil {
		return w.facts(doc, body, by)
	}
	signers, err := p.verify(doc, body)
	if err != nil {
		return nil, err
	}
	return w.facts(doc, body, append(signers, by...))
}

// facts are the last steps, with signers or, where that was asked for, without.
func (w *Want) facts(doc jcs.Object, body []byte, signers []string) (*Verified, error) {
	r, err := decodeRelease(doc)
	if err != nil {
		return nil, err
	}
	if err := w.checkMatch(r); err != nil {
		return nil, err
	}
	if err := w.checkTime(r); err != nil {
		return nil, err
	}
	if err := w.checkRollback(r.Released); err != nil {
		return nil, err
	}
	return &Verified{Release: *r, Signers: signers, Digest: sha256.Sum256(body)}, nil
}

// InsecureVerifyUnsigned is [Verify] without signatures: it proves nothing
// about who made the document. What the document says is still checked; a
// document of v0.1.0 says only a path and a hash.
func InsecureVerifyUnsigned(document []byte, w Want) (*Verified, error) {
	doc, err := parse(document)
	if err != nil {
		return nil, err
	}
	body := signedBody(doc)
	if _, present := doc["format"]; present {
		return w.facts(doc, body, nil)
	}
	r, err := decodeLegacy(doc)
	if err == nil {
		err = w.checkRollback(time.Time{})
	}
	if err != nil {
		return nil, err
	}
	return &Verified{Release: *r, Digest: sha256.Sum256(body), Legacy: true}, nil
}

func (w *Want) checkMatch(r *Release) error {
	for _, f := range []struct{ field, got, want string }{
		{"name", r.Name, w.Name}, {"version", r.Version, w.Version}, {"os", r.OS, w.OS}, {"arch", r.Arch, w.Arch},
	} {
		if f.got != f.want && (f.field != "name" || f.want != "") {
			return fmt.Errorf("%w: field %q is %q, %q was asked for", ErrMismatch, f.field, f.got, f.want)
		}
	}
	return nil
}

func (w *Want) checkTime(r *Release) error {
	if r.Released.After(w.Now.Add(ClockSkew)) {
		return fmt.Errorf("%w: released at %s, but the clock here says %s: is it right?",
			ErrExpired, r.Released.Format(secondsLayout), w.Now.UTC().Format(secondsLayout))
	}
	// A clock that was set back must not revive an expired document.
	now, why := w.Now, "the clock here says"
	if w.LastSeen.After(now) {
		now, why = w.LastSeen, "an update was accepted here at"
	}
	if !now.Before(r.Expires) {
		return fmt.Errorf("%w: expired at %s, %s %s",
			ErrExpired, r.Expires.Format(secondsLayout), why, now.UTC().Format(secondsLayout))
	}
	return nil
}

// checkRollback runs after checkMatch, so w.Version is the document's version.
func (w *Want) checkRollback(released time.Time) error {
	if w.AllowDowngrade {
		return nil
	}
	if _, err := w.checkFloor(w.Running, "is running"); err != nil || w.Accepted == nil {
		return err
	}
	same, err := w.checkFloor(w.Accepted.Version, "was accepted before")
	if err != nil {
		return err
	}
	if same && released.Before(w.Accepted.Released) {
		return fmt.Errorf("%w: this document of %s was released at %s, one of %s was accepted before",
			ErrRollback, w.Version, released.Format(secondsLayout), w.Accepted.Released.UTC().Format(secondsLayout))
	}
	return nil
}

// checkFloor also reports whether the two versions are the same, if only in
// their order: v1.2.3 and 1.2.3 are, or two builds of one version.
func (w *Want) checkFloor(floor, why string) (same bool, err error) {
	if floor == "" {
		return false, nil
	}
	if w.Compare == nil {
		return false, fmt.Errorf("%w: nothing was given to compare versions with", ErrRollback)
	}
	order, ok := w.Compare(w.Version, floor)
	if ok && order < 0 {
		return false, fmt.Errorf("%w: %s is older than %s, which %s", ErrRollback, w.Version, floor, why)
	}
	return w.Version == floor || ok && order == 0, nil
}
