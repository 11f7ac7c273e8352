// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package tuf holds the rules of The Update Framework, specification 1.0.x, that
// the client and the publisher share. It does no I/O: bytes in, verified metadata
// or an error out.
//
//	tuf/client     downloads metadata, verifies it and remembers what it accepted
//	tuf/publish    writes and signs metadata
//
// Formats, canonical JSON and single signatures are those of package metadata of
// go-tuf. The order of the checks and the limits are ours. go-tuf's updater is not
// used: it falls back to the root that the program was built with, downloads
// whatever length is declared, and panics on a timestamp without a snapshot.
//
// # Words
//
//	role       root, targets, snapshot, timestamp, or a role that targets delegates to
//	keyring    the keys that may sign a role, and how many have to: its threshold
//	name       of a key: its id in the metadata, chosen by the author of the metadata
//	ID         of a key: [trust.Key.ID], the SHA-256 of the key itself
//	floor      the lowest version that is still accepted
//
// # What is checked
//
//   - A file has an upper limit in bytes.
//   - Everything that was received is covered by the signatures.
//   - Enough distinct keys signed, counted by ID and not by name. A key of an
//     unknown kind does not count, and does not invalidate the others.
//   - A panic of the library is an error.
//
// Errors are those of package trust: ErrMalformed, ErrUnsigned, ErrSignature,
// ErrThreshold, ErrMismatch and ErrExpired. All functions are safe for concurrent
// use.
package tuf
