// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package publish makes the TUF metadata of a repository: what clients of The Update
// Framework 1.0 verify before they believe a release.json.
//
// # Roles
//
//	root       m of n keys, kept offline: names the keys of all roles
//	targets    kept offline: hands all releases to the bins (TAP 15)
//	bins       the release key: each bin holds length and hash of its releases
//	snapshot   online: which versions of targets and bins belong together
//	timestamp  online: which snapshot is the present one
//
// A release is the target VERSION/OS/ARCH/release.json. It is served under that
// name for those who do not use TUF, and as VERSION/OS/ARCH/SHA256.release.json
// for those who do (specification §6.2). Its artifacts are bound by the hashes
// in it. Every target has one hash: clients pick one at random among several.
//
// # Files
//
// All metadata is in one directory: N.root.json, N.targets.json, N.bins-XX.json,
// N.snapshot.json and timestamp.json. Versions never change once written, so the
// directory may hold more than clients see: what is newer than the snapshot says
// waits for an online key. Nobody asks for root.draft.json and
// targets.draft.json, which are on their way from one key holder to the next.
//
// # Use
//
// [Init] makes the drafts, [Draft.Sign] signs them, [Load] reads and verifies
// what is there, and [State.Update] returns the files that have to be written.
// [Check] sees a repository as a client does. The package writes no files and
// keeps nothing between calls; its values are not for concurrent use.
//
// Whoever may write to the repository is not trusted: what is carried over into
// new metadata was signed by keys that the roots name, and a release that newly
// enters a bin is one that the caller vouches for. Only a caller who pins a root
// (see [Options.Trusted]) knows that the roots are his own.
package publish
