// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package trust decides whether a release may be installed. It takes bytes, and
// returns verified facts or an error. It performs no I/O, reads no clock, and
// imports nothing but the standard library and internal/jcs, so that it can be
// reviewed in one sitting and tested with bytes alone.
//
//   - To verify a release document, make a [Policy] with [ParseKeys] and
//     [NewPolicy], and call [Verify]. Package updater does that for you.
//   - To sign a document, sign what [SignedBytes] returns. Package signing does
//     that for you.
//
// # Terms
//
//   - A document is a JSON object in a repository, of at most [MaxDocument] bytes.
//   - A release is one version of a product for one operating system and
//     architecture. Its document says what the binary is: see [Release].
//   - An artifact is a file that yields the binary: compressed, or a patch.
//   - A key is an Ed25519 public key (RFC 8032). Its id is the SHA-256 of its
//     PKIX encoding. This package never handles a
//     private key.
//   - A policy is a set of trusted keys and a threshold.
//   - The threshold is how many distinct keys must have signed a document.
//   - The signature of a document is its member "signature". It does not say
//     which key made it.
//   - A cosignature is an element of its member "cosignatures". It names its key.
//   - An authority proves the origin of a document by other means than signatures
//     in it, as TUF metadata do.
//   - The floor is the version below which nothing is installed: the one that
//     runs, or the highest one accepted before.
//
// # Parties
//
//	private keys -(sign)-> document -(size and SHA-256)-> artifacts and binary
//
// The publisher holds the private keys. The client holds the public keys, as part
// of the installed program. The repository, its mirrors and the network between
// them are not trusted: treat everything they send as possibly written by an
// attacker.
//
// # What a signature covers
//
// The signed bytes of a document are
//
//	PAE(payload type, RFC 8785 canonical form of the document
//	    without its members "signature" and "cosignatures")
//
// PAE is the pre-authentication encoding of DSSE v1. One function builds the bytes,
// for [SignedBytes] and [Verify] alike. Every other member is covered, even one that this
// version does not know: an older client verifies a newer document. The payload
// type keeps kinds of documents apart: a signature of one kind is never valid for
// another.
//
// # Whose signature counts
//
// Only signatures by keys of the policy count, and each key counts once. The
// member "signature" does not name its key, so every key of the policy is tried. A
// cosignature by an unknown key is ignored; one
// that names a key of the policy must be valid. The algorithm is Ed25519, whatever
// the document says. If an authority vouches for the document, call
// [VerifyVouched].
//
// # The order of the checks
//
// Each step of [Verify] uses only what the steps above it have established:
//
//  1. size limit and strict JSON        [ErrMalformed]
//  2. signatures                        [ErrUnsigned], [ErrSignature], [ErrThreshold]
//  3. fields present, in correct form   [ErrMalformed]
//  4. the release that was requested    [ErrMismatch]
//  5. neither expired nor from the future  [ErrExpired]
//  6. not below the floor               [ErrRollback]
//
// The caller then checks the size and hash of the artifact, and of the binary,
// against the [Release] that Verify returned.
//
// All functions are safe for concurrent use. A [Key] and a [Policy] never change.
package trust
