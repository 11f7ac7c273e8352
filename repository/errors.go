// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"errors"
	"fmt"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/release"
)

// Errors that a caller may handle.
var (
	// ErrRequest: a field of the request is missing, out of range or contradicts
	// another. The error says which.
	ErrRequest = errors.New("invalid request")

	// ErrExists: the release is already published. Published releases do not
	// change: publish another version, or set Force.
	ErrExists = errors.New("release is already published")

	// ErrNoRelease: no release matches the request.
	ErrNoRelease = errors.New("no such release")

	// ErrInput: a file cannot be published. It is empty, not a regular file,
	// changed while it was read, or is an artifact of another binary.
	ErrInput = errors.New("cannot publish file")

	// ErrMissing: a document, or an artifact that a document names, is not in the
	// repository.
	ErrMissing = fetch.ErrNotFound

	// ErrHash: an artifact does not have the length or the hash in its document,
	// or does not decompress to the binary.
	ErrHash = release.ErrHash

	// ErrNoArtifact: the release has only patches, and artifacts in encodings that
	// clients do not know. No client can install it.
	ErrNoArtifact = release.ErrNoArtifact

	// ErrTooLarge: clients refuse the release unless they raise their MaxSize.
	ErrTooLarge = fetch.ErrTooLarge

	// ErrOtherKey: signing would replace the signature of another key. Cosign the
	// release, or set Force.
	ErrOtherKey = errors.New("signed by another key")
)

// kindError adds a sentinel to an error, but not to its text.
type kindError struct {
	error
	kind error
}

func (e kindError) Unwrap() []error { return []error{e.error, e.kind} }

func invalid(format string, args ...any) error {
	return kindError{fmt.Errorf(format, args...), ErrRequest}
}

func badInput(format string, args ...any) error {
	return kindError{fmt.Errorf(format, args...), ErrInput}
}
