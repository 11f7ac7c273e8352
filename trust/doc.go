// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package trust decides whether a release may be installed: what a signature
// covers, whose signature counts, and in which order things are checked. It
// uses the standard library only, performs no I/O and reads no clock, so that
// it can be reviewed in one sitting and tested with bytes alone.
//
// # What a signature covers
//
// The signed bytes of a document are
//
//	PAE(payload type, RFC 8785 canonical form of the document
//	    without its "signature" and "cosignatures" members)
//
// where PAE is the pre-authentication encoding of DSSE v1. Everything else in
// the document is covered, members this version has never heard of included:
// an older client still verifies a newer document. [SignedBytes] builds them,
// for the signer and the verifier alike. The payload type keeps documents of
// different roles apart: a signature of one never verifies as the other.
//
// # Whose signature counts
//
// A [Policy] is a set of Ed25519 keys (RFC 8032) and the number of distinct
// keys that must have signed. The algorithm is the key's; nothing in a
// document selects it. A "signature" may be any key's. A cosignature names its
// key, and one that names a trusted key must verify: it is never skipped. Who
// proves a document's origin by other means than signatures in it does so by way
// of [VerifyVouched], in place of step 2 or before it.
//
// # The order
//
// [Verify] takes bytes and returns verified facts or an error. Each step uses
// only what the steps above it established:
//
//  1. size and strict JSON          [ErrMalformed]
//  2. signatures                    [ErrUnsigned], [ErrSignature], [ErrThreshold]
//  3. fields complete, in grammar   [ErrMalformed]
//  4. it is what was asked for      [ErrMismatch]
//  5. time                          [ErrExpired]
//  6. no silent way back            [ErrRollback]
//
// The artifact itself (its length and hash, then the binary's) is checked by
// the caller, against the [Release] that Verify returned.
//
// All functions are safe for concurrent use; a [Policy] and a [Key] are
// immutable.
package trust
