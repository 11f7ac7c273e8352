// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/trust"
)

// expiresSoon is the time before its expiry from which a release gets a warning.
const expiresSoon = 30 * 24 * time.Hour

// VerifyRequest selects what to verify, and describes the clients to verify for.
type VerifyRequest struct {
	Filter
	Policy *trust.Policy // whose signatures the clients trust
	Now    time.Time     // the current time

	// Name is the Product of the clients; if empty, they accept any. MaxSize is
	// theirs, in bytes; 0 is updater.DefaultMaxSize.
	Name    string
	MaxSize int64

	// InsecureUnsigned accepts documents without a signature. Without a Policy,
	// signatures are not checked at all.
	InsecureUnsigned bool

	// TrustedRoot is a root.json that the roots of the TUF metadata must contain.
	// If nil, the oldest root of the repository is trusted.
	TrustedRoot []byte

	// HTTP, if set, is used by VerifyURL. Header is sent to the server of its base
	// only, as by clients with the option Header.
	HTTP   *http.Client
	Header http.Header
}

// Verify checks each release that the filter selects: its document, as a client
// that asks for its place, and all its artifacts. It checks all TUF metadata,
// whatever the filter. Faults are in the report; an error means that nothing could
// be checked. It returns [ErrNoRelease] if the filter selects nothing.
func (r *Repository) Verify(ctx context.Context, req VerifyRequest) (*Report, error) {
	if err := req.complete(); err != nil {
		return nil, err
	}
	locations, warnings, err := r.locations(req.Filter)
	if err != nil {
		return nil, fmt.Errorf("verifying repository: %w", err)
	}
	if len(locations) == 0 {
		return nil, req.notFound()
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
	report.orphans(req.Filter, tuf)

	return report, nil
}

func (req *VerifyRequest) complete() error {
	switch {
	case req.Policy == nil && !req.InsecureUnsigned:
		return invalid("no public keys given to verify with")
	case req.Now.IsZero():
		return invalid("no current time given")
	case req.MaxSize < 0:
		return invalid("MaxSize is %d bytes (use 0 or more)", req.MaxSize)
	}

	return nil
}

// check checks what a client does, but does not stop at the first artifact.
func (req *VerifyRequest) check(ctx context.Context, src source, l Location, tuf *metadataView) Checked {
	c := Checked{Location: l, Document: l.document()}
	raw, err := src.document(ctx, l)
	if err != nil {
		c.unread = err
		c.fault(err)
		return c
	}
	verified, err := req.facts(raw, l, &c)
	if err == nil && !verified.Legacy {
		chosen, _ := release.Full(verified) // that there is none is a fault below
		err = req.fits(verified, chosen)
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
	warnings, errs := req.checkArtifacts(ctx, src, l, verified)
	c.Warnings = append(c.Warnings, warnings...)
	for _, err := range errs {
		c.fault(err)
	}

	return c
}

// facts verifies a document.
func (req *VerifyRequest) facts(raw []byte, l Location, c *Checked) (*trust.Verified, error) {
	want := l.want(req.Now)
	want.Name = req.Name
	if req.Policy == nil {
		c.warn("its signature was not checked, so its publisher is unknown")
		return trust.InsecureVerifyUnsigned(raw, want)
	}
	verified, err := trust.Verify(raw, req.Policy, want)
	// A wrong signature is not accepted as none.
	if !req.InsecureUnsigned || !errors.Is(err, trust.ErrUnsigned) {
		return verified, err
	}
	c.warn("is not signed")

	return trust.InsecureVerifyUnsigned(raw, want)
}
