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

// Want is the release that the caller requests, and what the caller knows. Name,
// LastSeen, Running, Floor and Released may be empty, and Compare if Running and Floor
// are.
type Want struct {
	Name    string // of the product; any if it is empty
	Version string
	OS      string
	Arch    string

	// Now is the time here. A document may be released up to 10 minutes later.
	Now time.Time

	// LastSeen is the latest Now at which a document was accepted before. A
	// document must not have expired then either.
	LastSeen time.Time

	Running string // the version that runs; a lower one is refused
	Floor   string // the highest version that worked here; a lower one is refused

	// Released is when a document of Version was released that was accepted before. A
	// document released earlier is refused.
	Released time.Time

	// Compare orders two versions. ok is false if they have no order.
	Compare func(a, b string) (order int, ok bool)

	AllowDowngrade bool // accept versions below Running and Floor, and documents of before Released
}

// Verified is what a document has proved.
type Verified struct {
	Release Release
	Signers []string          // ids of the trusted keys that signed, each once
	Digest  [sha256.Size]byte // SHA-256 of the canonical document without its signatures
	Legacy  bool              // a document of v0.1.0: only Binary and Hash of Release are set
}

// Verify checks that a release document satisfies a policy and is the one wanted, in
// the order of the package documentation. On an error, nothing of the document may
// be used. The errors are those of this package.
func Verify(document []byte, p *Policy, w Want) (*Verified, error) {
	doc, err := parse(document)
	if err != nil {
		return nil, err
	}
	signed, body := signedBytes(ReleaseType, doc)
	signers, err := p.verify(doc, signed)
	if err != nil {
		return nil, err
	}
	return w.facts(doc, body, signers)
}

// VerifyVouched is [Verify] for a document for which an authority vouches, such as
// TUF metadata that hold its hash. by are the ids of the keys by which the authority
// vouches for every byte of the document, at least one: Signers ends with them. The
// document must satisfy the policy too, if p is not nil. If p is nil, its signatures
// are ignored.
func VerifyVouched(document []byte, by []string, p *Policy, w Want) (*Verified, error) {
	doc, err := parse(document)
	if err != nil {
		return nil, err
	}
	if len(by) == 0 {
		return nil, fmt.Errorf("%w: no authority vouches for the document", ErrUnsigned)
	}
	signed, body := signedBytes(ReleaseType, doc)
	if p == nil {
		return w.facts(doc, body, by)
	}
	signers, err := p.verify(doc, signed)
	if err != nil {
		return nil, err
	}
	return w.facts(doc, body, append(signers, by...))
}

// facts performs steps 3 to 6 of the order of the checks, once signers are verified
// or were explicitly not required.
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

// InsecureVerifyUnsigned is [Verify] without step 2: anyone may have made the
// document. The other steps are performed. A document of v0.1.0 has only a path and a
// hash: steps 4 and 5 do not apply to it.
func InsecureVerifyUnsigned(document []byte, w Want) (*Verified, error) {
	doc, err := parse(document)
	if err != nil {
		return nil, err
	}
	_, body := signedBytes(ReleaseType, doc)
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
			return fmt.Errorf("%w: field %q is %q, not %q", ErrMismatch, f.field, f.got, f.want)
		}
	}
	return nil
}

// checkRollback runs after checkMatch: w.Version is the version of the document.
func (w *Want) checkRollback(released time.Time) error {
	if w.AllowDowngrade {
		return nil
	}
	if err := w.checkFloor(w.Running, "is running"); err != nil {
		return err
	}
	if err := w.checkFloor(w.Floor, "was installed before"); err != nil {
		return err
	}
	if released.Before(w.Released) {
		return fmt.Errorf("%w: this document of version %s was released at %s, but one released at %s was accepted before",
			ErrRollback, w.Version, released.Format(secondsLayout), w.Released.UTC().Format(secondsLayout))
	}
	return nil
}

// checkFloor refuses a version below floor. Two that have no order are accepted.
func (w *Want) checkFloor(floor, why string) error {
	if floor == "" {
		return nil
	}
	if w.Compare == nil {
		return fmt.Errorf("%w: Want.Compare is nil, versions cannot be compared", ErrRollback)
	}
	if order, ok := w.Compare(w.Version, floor); ok && order < 0 {
		return fmt.Errorf("%w: %s is older than %s, which %s", ErrRollback, w.Version, floor, why)
	}
	return nil
}
