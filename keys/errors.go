// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import "errors"

// The refusals on which a caller acts.
var (
	// ErrMalformed is input that is no key in any form read here, or is
	// damaged. Look whether it is the right file.
	ErrMalformed = errors.New("not a readable key")

	// ErrPassphraseNeeded is an encrypted key read without a passphrase. Ask
	// for it and read again.
	ErrPassphraseNeeded = errors.New("the private key is encrypted and needs a passphrase")

	// ErrPassphrase is an encrypted key that this passphrase does not open.
	// Most forms can't tell a wrong passphrase from a damaged file.
	ErrPassphrase = errors.New("wrong passphrase, or the key is damaged")

	// ErrEmptyPassphrase is a request to encrypt with nothing. A key without
	// protection must be asked for by name, with [FormatUnprotected].
	ErrEmptyPassphrase = errors.New("the passphrase is empty")

	// ErrNotEd25519 is a sound key of another kind. Make an Ed25519 key.
	ErrNotEd25519 = errors.New("not an Ed25519 key")

	// ErrKeyMismatch is a private key file whose public half is not its
	// seed's. Never sign with it: a signature made with such a pair reveals
	// the private key. Treat the key as tampered with.
	ErrKeyMismatch = errors.New("the public half is not that of the private key")

	// ErrNotPrivate is a public key where a private one is needed.
	ErrNotPrivate = errors.New("this is a public key, its private key is needed")

	// ErrNotPublic is a private key where a public one is needed. Keep it
	// away from wherever it was about to go.
	ErrNotPublic = errors.New("this is a private key, its public key is needed")

	// ErrUnsupported is a form, a cipher or a key reference that this build
	// does not handle.
	ErrUnsupported = errors.New("not supported by this build")

	// ErrIsKey is a key where the name of one is expected, as "$KEY" gives where
	// env:KEY was meant. No message quotes it. It is in the list of processes by
	// now, and perhaps in a shell's history: make a new one.
	ErrIsKey = errors.New("a key itself was given, where a file or env:NAME is expected")

	// ErrAgent is an ssh-agent that can't be reached, does not hold the key,
	// or refused to sign.
	ErrAgent = errors.New("ssh-agent")
)
