// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package signing makes the signatures that package trust accepts.
//
// A release is described by a document, release.json. [FormatRelease] makes a new
// document, [Sign] adds the publisher's signature, and [Cosign] adds another
// signature for clients whose policy requires more than one:
//
//	document, err := signing.FormatRelease(&trust.Release{…})
//	document, err = signing.Sign(ctx, document, signer)
//	document, err = signing.Cosign(ctx, document, second)
//
// A signer is any sigstore signature.Signer with an Ed25519 key: a key file, an
// ssh-agent, a KMS; package keys makes the first two. A signer is not trusted.
// Each signature is verified as a client would verify it before the document is
// returned, so a broken signer, or one of another algorithm such as Ed25519ph,
// cannot publish a document that all clients reject.
//
// Signatures cover every field except the signatures. Fields that this package
// does not know keep their exact text. The signed bytes come from
// [trust.SignedBytes], built by the function that clients use. A document has at most
// [trust.MaxDocument] bytes and [trust.MaxSignatures] signatures.
//
// All functions are safe for concurrent use if the signer is.
package signing
