// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package publish makes the TUF metadata of a repository: what clients of The Update
// Framework 1.0 verify before they trust a release.json. Its rules are those of
// package tuf, which the client has too.
//
// # Roles
//
//	root       m of n keys, kept offline: names the keys of all roles
//	targets    kept offline: delegates all releases to the bins (TAP 15)
//	bins       the release key: each bin lists length and hash of its releases
//	snapshot   online: which versions of targets and bins belong together
//	timestamp  online: which snapshot is the latest
//
// A release is the target VERSION/OS/ARCH/release.json. It is served under that
// name for clients without TUF, and as VERSION/OS/ARCH/SHA256.release.json for
// clients with it (specification §6.2). Its artifacts are bound by the hashes
// in it. Every target has one hash: clients pick one at random among several.
//
// # Files
//
// All metadata is in one directory: N.root.json, N.targets.json, N.bins-XX.json,
// N.snapshot.json and timestamp.json. A version never changes once it is written, so
// the directory may hold more than clients see: what is newer than the snapshot says
// waits for an online key. Clients never download root.draft.json and
// targets.draft.json, which go from one key holder to the next.
//
// # Use
//
// [Init] makes the first drafts, [State.Rotate] later ones, and [Draft.Sign] signs
// them. [Load] reads and verifies what is there, and [State.Update] returns the
// files to write. [Inspect] runs the client over a repository and reports what it
// sees. The package writes no files and keeps nothing between calls; its values are
// not safe for concurrent use.
//
// The repository is not trusted: what is carried over into new metadata was signed
// by keys that the roots name, and the caller vouches for a release that newly enters
// a bin. Only a caller who pins a root (see [Options]) knows that the roots are the
// right ones.
package publish
