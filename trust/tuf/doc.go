// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package tuf trusts the metadata of The Update Framework (specification 1.0.x). It
// survives the theft of the keys that sign every day: what is trusted is a root of
// offline keys, m of n, which can exchange all other keys, and themselves, without a
// new program.
//
//	//go:embed root.json
//	var root []byte
//
//	err := updater.Apply(
//		updater.SourceRepo("https://repo.example.net/updater"),
//		updater.CurrentVersion("1.2.2"),
//		updater.Version("1.2.3"),
//		updater.VouchedBy(tuf.New(root)),
//	)
//
// No PublicKey is needed. With one, both must hold: the release is signed by the
// key, and the metadata lists its document.
//
// # In the repository
//
// The repository is the one of package updater, and serves clients of all kinds.
// Metadata is in it below
//
//	metadata/timestamp.json, N.root.json, N.snapshot.json, N.targets.json, N.ROLE.json
//
// and the target files are the release documents, VERSION/OS/ARCH/release.json,
// which a client fetches as VERSION/OS/ARCH/HASH.release.json if the root has
// consistent_snapshot. The hashes in the documents bind the artifacts, which are
// fetched as always, from mirrors, in parts, as patches. Names of delegated roles
// have the grammar of trust.CheckPath; succinct hash bins (TAP 15) have.
//
// # Errors
//
// Refusals are those of package trust, so that a caller need not know who refused:
//
//   - trust.ErrUnsigned, ErrSignature, ErrThreshold: metadata without enough
//     signatures by the present keys.
//   - trust.ErrExpired: metadata that was not renewed, or that a mirror holds back.
//     Compare the machine's clock, then ask the publisher for a fresh timestamp.
//   - trust.ErrRollback: metadata older than what was seen here.
//   - trust.ErrMismatch: a file that is not the one that other metadata names.
//   - trust.ErrMalformed: a file that is not metadata, or of an unknown kind.
//   - updater.ErrNotFound: a file of the metadata is missing, or no role lists this
//     version.
//   - updater.ErrTooLarge: more bytes than were declared, or than are ever accepted.
//   - updater.ErrState: what was seen cannot be read or written.
//
// # What is remembered
//
// The chain of roots and the latest metadata are kept beside what the updater
// remembers, and so are the versions below which not to go, tied to the keys that
// signed them. Any one of these files may be lost or damaged: the client fetches it
// again, and does not go below what it has seen. A key that was exchanged does not
// bind any more, which is how a version is repaired that a thief drove up. Without a
// target, as when only [updater.FetchSpec] is called, nothing is kept.
package tuf
