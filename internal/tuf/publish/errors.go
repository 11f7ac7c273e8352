// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"errors"

	"github.com/choria-io/go-updater/trust"
)

// Errors that a publisher acts on. Metadata that is malformed, does not verify or does
// not fit together is trust.ErrMalformed, ErrUnsigned, ErrSignature, ErrThreshold or
// ErrMismatch, as for a client.
var (
	// ErrMissing means that metadata is missing that other metadata names. Download
	// the file from where the repository is served.
	ErrMissing = errors.New("metadata is missing")

	// ErrKey means that a key has none of the roles that are to be signed.
	ErrKey = errors.New("not a key of the role")

	// ErrNeedsKey means that a role has to be signed, and too few of its keys were
	// given.
	ErrNeedsKey = errors.New("a key is needed")

	// ErrDraft means that a draft is for something else, or does not exist.
	ErrDraft = errors.New("no such draft")

	// ErrRequest means that the request contradicts itself or the metadata.
	ErrRequest = errors.New("impossible request")

	// ErrSigner means that a signer failed, or returned something that is not a
	// signature by its key. Nothing was signed.
	ErrSigner = errors.New("the signer did not make a valid signature")

	// ErrPinned means that the roots are not those that the caller trusts.
	ErrPinned = errors.New("not the trusted root")
)

// unsigned reports whether metadata was refused because too few keys signed it.
func unsigned(err error) bool {
	return errors.Is(err, trust.ErrUnsigned) || errors.Is(err, trust.ErrSignature) || errors.Is(err, trust.ErrThreshold)
}
