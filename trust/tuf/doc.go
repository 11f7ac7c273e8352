// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package tuf installs what a repository of The Update Framework vouches for
// (specification 1.0.x). It survives the theft of the keys that sign every day: what
// is trusted is a root of offline keys, m of n, which can exchange all others, and
// itself, without a new program.
//
//	//go:embed root.json
//	var root []byte
//
//	err := updater.Apply(
//		updater.SourceRepo("https://repo.example.net/updater"),
//		updater.CurrentVersion("1.2.2"),
//		updater.Version("1.2.3"),
//		updater.DownloadMethod(tuf.New(root)),
//	)
//
// No PublicKey is needed. With one, both must hold: the release is signed by the
// key, and the metadata vouches for its document.
//
// # In the repository
//
// The repository is the one of package updater, and speaks to clients of all kinds
// at once. Metadata lies in it below
//
//	metadata/timestamp.json, N.root.json, N.snapshot.json, N.targets.json, N.ROLE.json
//
// and the target files are the release documents, VERSION/OS/ARCH/release.json,
// which a client asks for as VERSION/OS/ARCH/HASH.release.json where root says
// consistent_snapshot. Binaries are bound by the hashes within the documents and come
// as they always do, over mirrors, in parts, as patches. Names of delegated roles are
// those of trust.CheckPath; succinct hash bins (TAP 15) are.
//
// # What may go wrong
//
// Refusals are those of package trust, so that a caller need not know which of the
// two refused:
//
//   - trust.ErrUnsigned, ErrSignature, ErrThreshold: metadata that the keys of today
//     did not sign, or too few of them.
//   - trust.ErrExpired: metadata that nobody renewed, or that a mirror holds back.
//     Compare the machine's clock, then ask the publisher for a fresh timestamp.
//   - trust.ErrRollback: metadata older than what was seen here.
//   - trust.ErrMismatch: a file that is not the one that other metadata speaks of.
//   - trust.ErrMalformed: no metadata, or of a kind that this version cannot read.
//   - updater.ErrNotFound: a file of the metadata is not there, or nobody vouches for
//     this version.
//   - updater.ErrTooLarge: more bytes than were declared, or than are ever taken.
//   - updater.ErrState: what was seen cannot be read or written.
//
// # What is remembered
//
// The chain of roots and the latest metadata are kept in a directory named tuf beside
// what the updater remembers, and so are the versions below which not to go, tied to
// the keys that vouched for them. Any one of these files may be lost or damaged: the
// client asks again, and does not go below what it has seen. A key that was exchanged
// does not bind any more, which is how a version is repaired that a thief drove up.
// Without a target, as when only [updater.FetchSpec] is called, nothing is kept.
package tuf
