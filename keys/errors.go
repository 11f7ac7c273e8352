// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import "errors"

var (
	// ErrMalformed means that the input is not a key in a known format, or is
	// damaged. Check that it is the right file.
	ErrMalformed = errors.New("not a readable key")

	// ErrPassphraseNeeded means that an encrypted key was read, or one was to be
	// encrypted, without a passphrase. Ask for it and try again.
	ErrPassphraseNeeded = errors.New("a passphrase is needed")

	// ErrPassphrase means that the passphrase does not open the key. Most
	// formats cannot distinguish a wrong passphrase from a damaged file.
	ErrPassphrase = errors.New("wrong passphrase, or the key is damaged")

	// ErrNotEd25519 means a valid key of another type. Use an Ed25519 key.
	ErrNotEd25519 = errors.New("not an Ed25519 key")

	// ErrKeyMismatch means that the public half in a private key file does not
	// belong to the private half. Never sign with such a key: the signature
	// reveals it. Assume that an attacker changed the file.
	ErrKeyMismatch = errors.New("the public half does not match the private key")

	// ErrNotPrivate means a public key where a private key is needed.
	ErrNotPrivate = errors.New("this is a public key, a private key is needed")

	// ErrNotPublic means a private key where a public key is needed. Do not
	// publish it.
	ErrNotPublic = errors.New("this is a private key, a public key is needed")

	// ErrUnsupported means a format, cipher or key reference that this build
	// cannot handle.
	ErrUnsupported = errors.New("not supported by this build")

	// ErrIsKey means a private key where the name of one is expected, as "$KEY"
	// instead of env:KEY gives. No error quotes it. It is visible in the list of
	// processes and perhaps in the history of a shell: generate a new key.
	ErrIsKey = errors.New("expected a file or env:NAME, got the private key itself (consider it exposed)")

	// ErrAgent means that ssh-agent cannot be reached, does not hold the key, or
	// refused to sign.
	ErrAgent = errors.New("ssh-agent")
)
