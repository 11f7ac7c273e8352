// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"errors"
	"fmt"
	"time"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/trust"
)

// Report is the result of [Repository.Verify] and [VerifyURL].
type Report struct {
	Releases []Checked `json:"releases"`

	// Metadata is nil if the repository has no TUF metadata.
	Metadata *MetadataReport `json:"metadata,omitempty"`
	Warnings []string        `json:"warnings,omitempty"`
}

// OK reports whether clients can install every release.
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

// Checked is the result for one release. Signers, Legacy and Expires are verified.
type Checked struct {
	Location
	Document string     `json:"document"`
	Signers  []string   `json:"signers,omitempty"` // key ids
	Legacy   bool       `json:"legacy,omitempty"`  // a document of v0.1.0
	Expires  *time.Time `json:"expires,omitempty"`
	Faults   []Fault    `json:"faults,omitempty"`
	Warnings []string   `json:"warnings,omitempty"`

	unread error // why there is no document to check
}

func (c *Checked) warn(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

func (c *Checked) fault(err error) {
	c.Faults = append(c.Faults, newFault(err))
}

func newFault(err error) Fault { return Fault{Check: sentinel(err), Message: err.Error(), Err: err} }

// absent reports whether there is no document at all.
func (c *Checked) absent() bool {
	return len(c.Faults) == 1 && errors.Is(c.Faults[0].Err, ErrMissing) && c.Signers == nil && c.Expires == nil && !c.Legacy
}

// Fault is a reason why clients refuse a release.
type Fault struct {
	Check   string `json:"check"` // the name of the sentinel, such as trust.ErrSignature
	Message string `json:"message"`
	Err     error  `json:"-"`
}

// sentinel names the sentinel of an error, for programs that read a report.
func sentinel(err error) string {
	for _, s := range []struct {
		err  error
		name string
	}{
		{trust.ErrMalformed, "trust.ErrMalformed"},
		{trust.ErrUnsigned, "trust.ErrUnsigned"},
		{trust.ErrThreshold, "trust.ErrThreshold"},
		{trust.ErrSignature, "trust.ErrSignature"},
		{trust.ErrMismatch, "trust.ErrMismatch"},
		{trust.ErrExpired, "trust.ErrExpired"},
		{publish.ErrMissing, "tuf.ErrMissing"},
		{publish.ErrPinned, "tuf.ErrPinned"},
		{ErrMissing, "updater.ErrNotFound"},
		{ErrHash, "updater.ErrHash"},
		{ErrNoArtifact, "updater.ErrNoArtifact"},
		{ErrTooLarge, "updater.ErrTooLarge"},
		{fetch.ErrForbidden, "updater.ErrForbidden"},
		{fetch.ErrStalled, "updater.ErrStalled"},
		{fetch.ErrRedirect, "updater.ErrRedirect"},
		{fetch.ErrUnauthorized, "updater.ErrUnauthorized"},
		{fetch.ErrUnreachable, "updater.ErrUnreachable"},
		{fetch.ErrCertificate, "updater.ErrCertificate"},
		{fetch.ErrStatus, "fetch.ErrStatus"},
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
