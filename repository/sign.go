// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

// SignRequest says which published releases to sign.
type SignRequest struct {
	Filter
	Signer signature.Signer
	Now    time.Time

	// Released and Expires are for documents of v0.1.0, which lack them and
	// become documents of format 1. With Renew all documents get Expires.
	Released time.Time // Now when empty
	Expires  time.Time
	Renew    bool

	// Name is the product of documents of v0.1.0 whose artifact does not tell.
	Name string

	// Force replaces another key's signature.
	Force bool

	// TUF keeps TUF metadata current, if there is any.
	TUF TUF
}

// Sign signs releases that are published. Their artifacts are checked first: a
// signature vouches for them as well. Either all documents are replaced when it
// returns, or none is.
func (r *Repository) Sign(ctx context.Context, req SignRequest) ([]Published, error) {
	if req.Signer == nil || req.Now.IsZero() || req.Expires.IsZero() {
		return nil, fmt.Errorf("%w: signing needs a key, the time and an expiry", ErrRequest)
	}
	if req.Released.IsZero() {
		req.Released = req.Now
	}
	req.Released = req.Released.UTC().Truncate(time.Second)
	req.Expires = req.Expires.UTC().Truncate(time.Second)
	key, err := signing.PublicKey(ctx, req.Signer)
	if err != nil {
		return nil, err
	}

	o := releasing{req.TUF, req.Signer, req.Now}

	return r.resign(ctx, req.Filter, o, func(ctx context.Context, s *subject) error {
		if err := s.unsigned(ctx, r, &req, key); err != nil {
			return err
		}
		want := trust.Want{Version: s.at.Version, OS: s.at.OS, Arch: s.at.Arch, Now: req.Now}
		verified, err := trust.InsecureVerifyUnsigned(s.raw, want)
		if err != nil {
			return err
		}
		s.release = &verified.Release
		return s.intact(ctx, r, verified)
	}, func(ctx context.Context, s *subject) (err error) {
		if s.raw, err = signing.Sign(ctx, s.raw, req.Signer); err != nil {
			return err
		}
		s.out = publishedOf(s.release, s.at, &key)
		s.out.Warnings = s.warnings
		return nil
	})
}

// CosignRequest says which published releases to cosign.
type CosignRequest struct {
	Filter
	Signer signature.Signer
	Now    time.Time

	// Policy is whose signatures the documents carry already. A cosigner
	// vouches for the same release, not for whatever he finds.
	Policy *trust.Policy

	// TUF keeps TUF metadata current, if there is any.
	TUF TUF
}

// Cosign adds a signature to releases that are published and signed, after
// checking them as Verify does. Either all documents are replaced when it
// returns, or none is.
func (r *Repository) Cosign(ctx context.Context, req CosignRequest) ([]Published, error) {
	if req.Signer == nil || req.Policy == nil || req.Now.IsZero() {
		return nil, fmt.Errorf("%w: cosigning needs a key, the public keys of who signed before, and the time", ErrRequest)
	}
	key, err := signing.PublicKey(ctx, req.Signer)
	if err != nil {
		return nil, err
	}
	want := func(l Location) trust.Want {
		return trust.Want{Version: l.Version, OS: l.OS, Arch: l.Arch, Now: req.Now}
	}

	o := releasing{req.TUF, req.Signer, req.Now}

	return r.resign(ctx, req.Filter, o, func(ctx context.Context, s *subject) error {
		verified, err := trust.Verify(s.raw, req.Policy, want(s.at))
		if err != nil {
			return err
		}
		s.release = &verified.Release
		return s.intact(ctx, r, verified)
	}, func(ctx context.Context, s *subject) (err error) {
		if s.raw, err = signing.Cosign(ctx, s.raw, req.Signer); err != nil {
			return err
		}
		s.out = publishedOf(s.release, s.at, &key)
		_, err = trust.Verify(s.raw, req.Policy, want(s.at))
		return err
	})
}

// subject is a published release on its way to a new signature.
type subject struct {
	at       Location
	raw      []byte
	release  *trust.Release
	warnings []string
	out      Published
}

// resign checks all releases before the key is used for the first, and signs
// one after the other: behind the key there may be a person with a token.
func (r *Repository) resign(ctx context.Context, f Filter, o releasing, check, sign func(context.Context, *subject) error) ([]Published, error) {
	t, err := r.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	var out []Published
	m, err := t.releasing(ctx, o)
	var subjects []*subject
	if err == nil {
		subjects, err = r.subjects(ctx, f)
	}
	if err == nil {
		err = forEach(ctx, len(subjects), cpus(), func(ctx context.Context, i int) error {
			return named(subjects[i], check(ctx, subjects[i]))
		})
	}
	if err == nil {
		out, err = t.resign(ctx, m, subjects, sign)
	}
	if cerr := t.close(); err == nil && cerr != nil {
		out[0].Warnings = append(out[0].Warnings, cerr.Error())
	}

	return out, err
}

func (t *transaction) resign(ctx context.Context, md *metadata, subjects []*subject, sign func(context.Context, *subject) error) ([]Published, error) {
	var out []Published
	var documents []*rename
	raw := map[Location][]byte{}
	for i, s := range subjects {
		if err := sign(ctx, s); err != nil {
			return nil, named(s, err)
		}
		m, err := t.prepare(fmt.Sprint(i), s.at.document(), s.raw)
		if err != nil {
			return nil, named(s, err)
		}
		documents, out = append(documents, m), append(out, s.out)
		raw[s.at] = s.raw
	}
	if err := md.change(ctx, raw); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	warnings, err := t.commitWith(ctx, md, nil, documents)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	out[0].Warnings = append(out[0].Warnings, warnings...)

	return out, nil
}

func (r *Repository) subjects(ctx context.Context, f Filter) ([]*subject, error) {
	locations, _, err := r.locations(f)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	if len(locations) == 0 {
		return nil, fmt.Errorf("%w: the repository has nothing for %s", ErrNoRelease, f)
	}
	out := make([]*subject, 0, len(locations))
	for _, l := range locations {
		s := &subject{at: l}
		if s.raw, err = r.readDocument(ctx, l); err != nil {
			return nil, named(s, err)
		}
		out = append(out, s)
	}

	return out, nil
}

func named(s *subject, err error) error {
	if err == nil {
		return nil
	}

	return fmt.Errorf("signing %s: %w", s.at, err)
}

func (s *subject) intact(ctx context.Context, r *Repository, verified *trust.Verified) error {
	_, errs := checkArtifacts(ctx, local{r}, s.at, verified)
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(errs) > 0 {
		return errs[0]
	}

	return nil
}

// Whoever may write to the repository may have put an unsigned release there
// for the next one who signs.
const firstSigned = "nobody had signed this release, only its hash was checked: be sure that it is yours"

// unsigned brings the document into the form that is to be signed.
func (s *subject) unsigned(ctx context.Context, r *Repository, req *SignRequest, key trust.Key) error {
	if _, err := trust.SignedBytes(trust.ReleaseType, s.raw); err != nil {
		return err
	}
	var d struct {
		Format       *json.RawMessage  `json:"format"`
		Cosignatures []json.RawMessage `json:"cosignatures"`
	}
	if err := json.Unmarshal(s.raw, &d); err != nil {
		return fmt.Errorf("%w: %w", trust.ErrMalformed, err)
	}
	// A new term is for what this key vouched for: whoever may write to the
	// repository could take the signature away and put his program there.
	if d.Format == nil {
		if req.Renew && !req.Force {
			return fmt.Errorf("%w, and a new term is for what this key signed: sign it first, or say Force", trust.ErrUnsigned)
		}
		return s.upgrade(ctx, r, req)
	}

	err := signing.SignedBy(s.raw, key)
	if errors.Is(err, trust.ErrUnsigned) && req.Renew && !req.Force {
		return fmt.Errorf("%w, and a new term is for what this key signed: sign it first, or say Force", trust.ErrUnsigned)
	}
	if errors.Is(err, trust.ErrSignature) && !req.Force {
		return fmt.Errorf("%w", ErrOtherKey)
	}
	if err != nil && !errors.Is(err, trust.ErrSignature) && !errors.Is(err, trust.ErrUnsigned) {
		return err
	}
	if errors.Is(err, trust.ErrUnsigned) {
		s.warnings = append(s.warnings, firstSigned)
	}
	if !req.Renew {
		return nil
	}
	if len(d.Cosignatures) > 0 {
		s.warnings = append(s.warnings, fmt.Sprintf("%d cosignatures did not cover the new expiry and were removed: cosign it again", len(d.Cosignatures)))
	}
	s.raw, err = signing.Renew(s.raw, req.Expires)

	return err
}

// upgrade makes a document of format 1 of one of v0.1.0. Fields of the old
// document that v0.1.0 did not have are not carried over: nobody vouched for
// them, and the signature would.
func (s *subject) upgrade(ctx context.Context, r *Repository, req *SignRequest) error {
	verified, err := trust.InsecureVerifyUnsigned(s.raw, trust.Want{Version: s.at.Version, Now: req.Now})
	if err != nil {
		return err
	}
	release := &verified.Release
	artifact, err := measureLegacy(ctx, local{r}, s.at, release)
	if err != nil {
		return err
	}
	s.warnings = append(s.warnings, firstSigned)
	release.Format = trust.ReleaseFormat
	release.Version, release.OS, release.Arch = s.at.Version, s.at.OS, s.at.Arch
	release.Released, release.Expires = req.Released, req.Expires
	release.Artifacts = []trust.Artifact{*artifact}
	if release.Name = req.Name; release.Name == "" {
		suffix := artifactName("", s.at, "", "")
		name, ok := strings.CutSuffix(strings.TrimSuffix(release.Binary, ".bz2"), suffix)
		if !ok || name == "" {
			return fmt.Errorf("%w: %q does not tell the name of the product", ErrRequest, release.Binary)
		}
		release.Name = name
	}
	s.raw, err = signing.FormatRelease(release)

	return err
}
