// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package keys makes, keeps, reads and converts the Ed25519 keys that sign
// releases, and turns a key reference into a sigstore signature.Signer.
//
// # Which form to pick
//
// Keep the private key in the [Sigstore] form: it is encrypted with a
// passphrase, authenticated, and cosign reads it too. The other forms are here
// so that a key that exists can be used, and so that nobody is locked in.
// Better than any file is an agent that never gives the key away: load it into
// ssh-agent and refer to it as ssh-agent:SHA256:….
//
// # References
//
// [Resolve] takes what a person writes after --key:
//
//	release.key            a private key file, in any form ParsePrivate reads
//	env:NAME               the same, as the value of an environment variable
//	ssh-agent:FINGERPRINT  a key held by ssh-agent, as ssh-add -l names it
//
// # What is refused
//
// A key file whose public half is not that of its seed is refused with
// [ErrKeyMismatch]: Ed25519 signatures made with a wrong public half give the
// private key away. The public half is always derived from the seed, never
// taken from the file. Keys of other kinds are refused with [ErrNotEd25519].
//
// The errors of this package never quote what they read, because that may be a
// private key or a passphrase; neither do they carry the errors of the
// libraries that parse it, some of which do.
package keys
