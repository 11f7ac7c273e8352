// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package client is the client of The Update Framework, specification 1.0.x, §5: it
// asks a repository for its metadata and says which target files that vouches for.
//
// It is a driver of our own over the types of go-tuf's package metadata: formats,
// canonical JSON and signatures are go-tuf's, the order of the checks, the limits
// and what is remembered are ours. go-tuf's own updater is not used because it
// falls back to the root that the program was built with, asks for whatever length
// is declared, and ends the program on a timestamp without a snapshot.
//
// # What is promised
//
//   - Every file has an upper limit in bytes, and one that declares more is not
//     asked for. At most 256 new roots are followed and 32 roles asked.
//   - A panic of the library is an error.
//   - Nothing is used before enough distinct keys signed it, counted by public key
//     and not by name. Keys of a kind that is not known here do not count, and do
//     not stop the others.
//   - A role that two others delegate to is verified for each of them.
//   - The time is read once for each call, and never counts as earlier than the
//     latest at which metadata was accepted.
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
//	floors           versions below which not to go, with a checksum
//
// A version counts as seen when either floors or the file itself says so, so any
// one of them can be deleted, cut, flipped or replaced by an older one: the client
// asks for what it lacks and accepts nothing older than before. floors says for
// each version which keys vouched for it, and it stands for as long as those keys
// would be enough today: a rotation of keys is what repairs a version that a thief
// drove up (§5.3.11).
//
// When floors is gone or damaged and the timestamp or the snapshot does not verify
// either, nothing tells what was seen, and [ErrState] is returned until a person
// removes the directory. Only a directory without any of these is a new one. When
// floors and snapshot.json are both gone, the timestamp alone is the floor.
//
// Files are written in the order in which they are believed, floors first, so a
// client that is stopped anywhere finds nothing above its floors the next time. A
// file that cannot be written fails the call with ErrState: what cannot be
// remembered is not used.
package client
