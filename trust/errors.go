// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

import "errors"

// The errors of the checks. Each of them means: do not install.
var (
	// ErrBadKey is a public key that cannot be read or must not be trusted: of
	// another length or algorithm, not a point on the curve, of low order, or not
	// canonically encoded. Fix the configuration.
	ErrBadKey = errors.New("unusable public key")

	// ErrBadPolicy is a threshold below one or above the number of keys, a key
	// given twice, or too many keys. Fix the configuration.
	ErrBadPolicy = errors.New("unusable key policy")

	// ErrMalformed is a document outside the format: too large, not strict
	// JSON, or with a field that is missing or outside its grammar. Either the
	// repository is damaged, or what came is not its document (a login page?).
	ErrMalformed = errors.New("malformed document")

	// ErrUnsigned is a document without a signature. Sign the release.
	ErrUnsigned = errors.New("document is not signed")

	// ErrSignature is a document without a valid signature by a trusted key.
	// Either it was changed after it was signed, or an unknown key signed it.
	ErrSignature = errors.New("no valid signature by a trusted key")

	// ErrThreshold is a document that fewer trusted keys signed than the policy
	// requires. Cosign the release.
	ErrThreshold = errors.New("too few trusted signatures")

	// ErrMismatch is a valid document of another product, version, operating
	// system or architecture than requested. Fix or suspect the repository.
	ErrMismatch = errors.New("document is not the one requested")

	// ErrExpired is a document that has expired, or was released in the future.
	// Check the machine's clock before you blame the repository.
	ErrExpired = errors.New("document is not valid at this time")

	// ErrRollback is a release below the floor: older than the one that runs or
	// one that was accepted before. To install it anyway, allow the downgrade.
	ErrRollback = errors.New("release is older than what was accepted")
)
