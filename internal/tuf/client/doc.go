// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package client is a client of The Update Framework, specification 1.0.x, §5. It
// downloads the metadata of a repository, verifies it by the rules of package tuf,
// and says which target files the metadata vouches for.
//
// # What is promised
//
//   - Every file has an upper limit in bytes, and a file that declares more is not
//     downloaded. At most 256 new roots are followed and 32 roles searched.
//   - Nothing is used before enough distinct keys signed it.
//   - A role that two others delegate to is verified for each of them.
//   - The time is read once for each refresh, and never counts as earlier than the
//     latest time at which metadata was accepted and remembered.
//   - Nothing is used that could not be remembered.
//
// # What is remembered
//
// A [Store] keeps, under these names,
//
//	N.root.json      every root since the one the program was built with
//	timestamp.json   the latest of each, as it was received
//	snapshot.json
//	targets.json
//	role-HASH.json   a delegated role, HASH being that of its name
//	floors           the lowest versions that are still accepted, with a checksum
//
// A version counts as seen when either floors or the file itself says so. So any
// one file can be deleted, cut, flipped or replaced by an older one: the client
// downloads what it lacks and accepts nothing older than before. floors says for
// each version which keys vouched for it, and the version binds for as long as
// those keys would be enough today: a rotation of keys repairs a version that a
// thief drove up (§5.3.11).
//
// If floors is lost or damaged and the timestamp or the snapshot does not verify
// either, the versions that were seen are unknown, and [ErrState] is returned until
// a person removes the directory. Only a directory without any of these files is
// new. If floors and snapshot.json are both lost, the timestamp alone is the floor.
//
// # When it is written
//
// [Client.Refresh] and [View.Target] read the store, do all network work in memory
// and write once: at the end of Target, or, if one of them fails, what was accepted
// until then. The files are written in the order in which they are trusted, floors
// first, so a client that is stopped at any point finds nothing above its floors the
// next time. A store that cannot be written fails the call with ErrState.
//
// A file that did not change is not written. The time in floors alone is written
// when it has moved by an hour or more: a clock that is set back can therefore
// revive metadata that expired within the last hour before it, but no older.
//
// No lock is held over the network. If another process changed the floors in the
// meantime, what was downloaded is dropped and the call begins again from the
// store, up to four times.
package client
