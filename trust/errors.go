// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

import "errors"

// The refusals, one for each step. All of them mean: do not install.
var (
	// ErrBadKey is a public key that must not be trusted or cannot be read:
	// wrong length, no point of the curve, of low order, not canonically
	// encoded, or not Ed25519. Fix the configuration.
	ErrBadKey = errors.New("unusable public key")

	// ErrBadPolicy is a threshold below one or above the number of keys, a key
	// given twice, or too many keys. Fix the configuration.
	ErrBadPolicy = errors.New("unusable key policy")

	// ErrMalformed is a document outside the format: too large, not strict
	// JSON, a field missing or outside its grammar. The repository, or
	// something between it and here, is damaged.
	ErrMalformed = errors.New("malformed document")

	// ErrUnsigned is a document without any signature. Sign the release.
	ErrUnsigned = errors.New("document is not signed")

	// ErrSignature is a document that no trusted key signed as it stands.
	// Either it was changed, or another key signed it.
	ErrSignature = errors.New("no valid signature by a trusted key")

	// ErrThreshold is a document that some trusted keys signed, but fewer than
	// the policy asks for. Cosign the release.
	ErrThreshold = errors.New("too few trusted signatures")

	// ErrMismatch is a validly signed document for another product, version,
	// operating system or architecture than the one asked for.
	ErrMismatch = errors.New("document is for something else")

	// ErrExpired is a document past its expiry or from the future. Compare
	// the machine's clock before blaming the repository.
	ErrExpired = errors.New("document is not valid at this time")

	// ErrRollback is a release older than what runs here or was accepted
	// before. A person who wants it must ask for the downgrade.
	ErrRollback = errors.New("release is older than what was accepted")
)
