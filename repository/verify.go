// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/trust"
)

const (
	// expiresSoon is when a release that will expire is warned about.
	expiresSoon = 30 * 24 * time.Hour

	// probes is how many documents are asked for at a time.
	probes = 8

	// defaultMaxSize is that of clients, updater.DefaultMaxSize.
	defaultMaxSize = 1 << 30
)

// VerifyRequest says what to check and whom to trust.
type VerifyRequest struct {
	Filter
	Policy *trust.Policy
	Now    time.Time

	// Name and MaxSize are the Product and the MaxSize of the clients to speak for.
	// Without a name they take any product; 0 is what they have unless told.
	Name    string
	MaxSize int64

	// InsecureUnsigned lets documents without a signature pass. Without a
	// Policy no signature is looked at.
	InsecureUnsigned bool

	// TrustedRoot is a root.json that the roots of TUF metadata have to contain.
	// Without it the oldest there is believed.
	TrustedRoot []byte

	// HTTP is used by VerifyURL in place of a client of its own.
	HTTP *http.Client
}

// Report is what Verify found.
type Report struct {
	Releases []Checked `json:"releases"`

	// Metadata is nil when the repository has no TUF metadata.
	Metadata *MetadataReport `json:"metadata,omitempty"`
	Warnings []string        `json:"warnings,omitempty"`
}

// Checked is what Verify found about one release. Everything but its place and
// its faults was proved by the document.
type Checked struct {
	Location
	Document string     `json:"document"`
	Signers  []string   `json:"signers,omitempty"` // key ids
	Legacy   bool       `json:"legacy,omitempty"`  // a document of v0.1.0
	Expires  *time.Time `json:"expires,omitempty"`
	Faults   []Fault    `json:"faults,omitempty"`
	Warnings []string   `json:"warnings,omitempty"`
}

// Fault is one reason for a client to refuse a release.
type Fault struct {
	Check   string `json:"check"` // the name of the sentinel, such as trust.ErrSignature
	Message string `json:"message"`
	Err     error  `json:"-"`
}

// OK reports that clients can install every release.
func (r *Report) OK() bool {
	if r.Metadata != nil && !r.Metadata.OK() {
		return false
	}
	for _, c := range r.Releases {
		if len(c.Faults) > 0 {
			return false
		}
	}

	return true
}

// Verify checks the releases that the filter selects: each document as a client
// that asks for its place, and each artifact. TUF metadata is checked as a whole
// whatever the filter selects. What is wrong with a release is in
// the report; an error means that nothing could be checked.
func (r *Repository) Verify(ctx context.Context, req VerifyRequest) (*Report, error) {
	if err := req.complete(); err != nil {
		return nil, err
	}
	locations, warnings, err := r.locations(req.Filter)
	if err != nil {
		return nil, fmt.Errorf("verifying repository: %w", err)
	}
	if len(locations) == 0 {
		return nil, fmt.Errorf("%w: the repository has nothing for %s", ErrNoRelease, req.Filter)
	}
	report := &Report{Releases: make([]Checked, len(locations)), Warnings: warnings}
	var tuf *metadataView
	report.Metadata, tuf, err = inspectTUF(ctx, metadataFiles{r}, &req)
	if err != nil {
		return nil, fmt.Errorf("verifying repository: %w", err)
	}
	err = forEach(ctx, len(locations), cpus(), func(ctx context.Context, i int) error {
		report.Releases[i] = req.check(ctx, local{r}, locations[i], tuf)
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("verifying repository: %w", err)
	}
	if req.Filter == (Filter{}) && tuf != nil {
		report.Metadata.orphans(locations, tuf)
	}

	return report, nil
}

// VerifyURL is Verify for a repository behind an http, https or file URL. Such
// a repository cannot be listed: the version has to be known, and where the
// filter leaves the platform open every platform there is gets tried.
func VerifyURL(ctx context.Context, base *url.URL, req VerifyRequest) (*Report, error) {
	if err := req.complete(); err != nil {
		return nil, err
	}
	if req.Version == "" {
		return nil, fmt.Errorf("%w: a repository behind a URL cannot be listed, a version is needed", ErrRequest)
	}
	if err := trust.CheckVersion(req.Version); err != nil {
		return nil, err
	}
	client, err := fetch.New(fetch.Options{HTTP: req.HTTP})
	if err != nil {
		return nil, err
	}

	src := remote{client, base}
	found, tuf, err := inspectTUF(ctx, remoteMetadata{src}, &req)
	if err != nil {
		return nil, fmt.Errorf("verifying repository: %w", err)
	}
	candidates := req.candidates()
	checked := make([]*Checked, len(candidates))
	err = forEach(ctx, len(candidates), probes, func(ctx context.Context, i int) error {
		c := req.check(ctx, src, candidates[i], tuf)
		if !c.absent() {
			checked[i] = &c
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("verifying repository: %w", err)
	}

	report := &Report{Metadata: found}
	for _, c := range checked {
		if c != nil {
			report.Releases = append(report.Releases, *c)
		}
	}
	if len(report.Releases) == 0 {
		return nil, fmt.Errorf("%w: %s has nothing for %s", ErrNoRelease, fetch.Shown(base), req.Filter)
	}

	return report, nil
}

func (req *VerifyRequest) complete() error {
	if req.Policy == nil && !req.InsecureUnsigned {
		return fmt.Errorf("%w: no public key to verify with", ErrRequest)
	}
	if req.Now.IsZero() {
		return fmt.Errorf("%w: the time is not known", ErrRequest)
	}
	if req.MaxSize < 0 {
		return fmt.Errorf("%w: a MaxSize below zero", ErrRequest)
	}

	return nil
}

func (req *VerifyRequest) candidates() []Location {
	// A pair that was named is asked for whether Go knows it or not.
	if req.OS != "" && req.Arch != "" {
		return []Location{{req.Version, req.OS, req.Arch}}
	}
	var out []Location
	for _, l := range allPlatforms() {
		l.Version = req.Version
		if req.match(l) {
			out = append(out, l)
		}
	}

	return out
}

// check does what a client does, without stopping at the first artifact.
func (req *VerifyRequest) check(ctx context.Context, src source, l Location, tuf *metadataView) Checked {
	c := Checked{Location: l, Document: l.document()}
	raw, err := src.document(ctx, l)
	if err != nil {
		c.fault(err)
		return c
	}
	verified, err := req.facts(raw, l, &c)
	if err == nil {
		err = req.fits(&verified.Release)
	}
	if err != nil {
		c.fault(err)
	}
	req.checkTUF(ctx, src, &c, raw, tuf)
	if err != nil {
		return c
	}
	c.Signers, c.Legacy = verified.Signers, verified.Legacy
	if !verified.Legacy {
		c.Expires = &verified.Release.Expires
		if left := verified.Release.Expires.Sub(req.Now); left < expiresSoon {
			c.warn("expires in %d days, at %s: sign it again with a later expiry", int(left.Hours()/24), verified.Release.Expires.Format(time.RFC3339))
		}
	}
	warnings, errs := checkArtifacts(ctx, src, l, verified)
	c.Warnings = append(c.Warnings, warnings...)
	if err := req.fits(&verified.Release); err != nil {
		errs = append(errs, err) // of v0.1.0: its size is known only now
	}
	for _, err := range errs {
		c.fault(err)
	}

	return c
}

func (req *VerifyRequest) facts(raw []byte, l Location, c *Checked) (*trust.Verified, error) {
	want := trust.Want{Name: req.Name, Version: l.Version, OS: l.OS, Arch: l.Arch, Now: req.Now}
	if req.Policy != nil {
		verified, err := trust.Verify(raw, req.Policy, want)
		if !req.InsecureUnsigned || !errors.Is(err, trust.ErrUnsigned) {
			return verified, err
		}
		c.warn("is not signed")
	} else {
		c.warn("who made it is not known: no signature was checked")
	}

	return trust.InsecureVerifyUnsigned(raw, want)
}

// fits compares with MaxSize the binary, and the artifact that costs a client least.
func (req *VerifyRequest) fits(r *trust.Release) error {
	limit := req.MaxSize
	if limit == 0 {
		limit = defaultMaxSize
	}
	if r.Size > limit {
		return fmt.Errorf("%w: a binary of %d bytes, MaxSize is %d", ErrTooLarge, r.Size, limit)
	}
	small := func(a trust.Artifact) bool { return full(a) && a.Size <= limit }
	if slices.ContainsFunc(r.Artifacts, full) && !slices.ContainsFunc(r.Artifacts, small) {
		return fmt.Errorf("%w: no artifact of %d bytes or less, which MaxSize is", ErrTooLarge, limit)
	}

	return nil
}

func (c *Checked) warn(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

func (c *Checked) fault(err error) {
	c.Faults = append(c.Faults, newFault(err))
}

func newFault(err error) Fault { return Fault{Check: sentinel(err), Message: err.Error(), Err: err} }

// absent reports that there is no document, rather than a broken one.
func (c *Checked) absent() bool {
	return len(c.Faults) == 1 && errors.Is(c.Faults[0].Err, ErrMissing) && c.Signers == nil && c.Expires == nil && !c.Legacy
}

// sentinel names what errors.Is would find, for reports that are read by
// programs.
func sentinel(err error) string {
	for _, s := range []struct {
		err  error
		name string
	}{
		{ErrMissing, "repository.ErrMissing"},
		{ErrHash, "repository.ErrHash"},
		{ErrNoArtifact, "repository.ErrNoArtifact"},
		{ErrTooLarge, "repository.ErrTooLarge"},
		{trust.ErrMalformed, "trust.ErrMalformed"},
		{trust.ErrUnsigned, "trust.ErrUnsigned"},
		{trust.ErrThreshold, "trust.ErrThreshold"},
		{trust.ErrSignature, "trust.ErrSignature"},
		{trust.ErrMismatch, "trust.ErrMismatch"},
		{trust.ErrExpired, "trust.ErrExpired"},
		{publish.ErrMissing, "tuf.ErrMissing"},
		{publish.ErrPinned, "tuf.ErrPinned"},
		{fetch.ErrNotFound, "fetch.ErrNotFound"},
		{fetch.ErrForbidden, "fetch.ErrForbidden"},
		{fetch.ErrTooLarge, "fetch.ErrTooLarge"},
		{fetch.ErrStatus, "fetch.ErrStatus"},
		{fetch.ErrStalled, "fetch.ErrStalled"},
		{fetch.ErrRedirect, "fetch.ErrRedirect"},
		{fetch.ErrEncoding, "fetch.ErrEncoding"},
		{fetch.ErrConnection, "fetch.ErrConnection"},
		{fetch.ErrUnsupported, "fetch.ErrUnsupported"},
	} {
		if errors.Is(err, s.err) {
			return s.name
		}
	}

	return "error"
}
