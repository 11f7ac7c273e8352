// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package signing makes the signatures that package trust accepts.
//
// A release is described by a document, release.json. FormatRelease writes a
// new one, Sign puts the publisher's signature on it, and Cosign adds the
// signature of a further key for clients whose policy asks for more than one:
//
//	document, err := signing.FormatRelease(&trust.Release{…})
//	document, err = signing.Sign(ctx, document, signer)
//	document, err = signing.Cosign(ctx, document, second)
//
// A signer is any sigstore signature.Signer that holds an Ed25519 key: a key
// file, an ssh-agent, a KMS. It is not trusted: what it returns is verified
// under its own public key, through package trust and as a client would,
// before a caller gets to see the document. A signer that is broken, or that
// signs something other than what it was given (as one for Ed25519ph does),
// can therefore not put a document into the world that every client refuses.
//
// Signatures cover every field of the document but the signatures themselves,
// so fields this package does not know are kept as they are, digit for digit.
// The signed bytes are built in one place, trust.SignedBytes.
package signing
