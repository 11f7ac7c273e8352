// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package keys generates, stores, reads and converts the Ed25519 keys that sign
// releases, and turns a key reference into a sigstore signature.Signer.
//
// # Which function to use
//
// To sign, call [Resolve] with what the user wrote after --key:
//
//	release.key            a private key file, in any format ParsePrivate reads
//	env:NAME               the same, in an environment variable
//	ssh-agent:FINGERPRINT  a key held by ssh-agent, as ssh-add -l prints it
//
// To make a key, call [Generate], [FormatEncrypted] and [CreateFiles]. To change
// the passphrase of a key, call [ParsePrivate], [FormatEncrypted] and
// [ReplaceFile]. Programs that verify releases need package trust only.
//
// # Which format to use
//
// Store a private key in the [Sigstore] format. It is encrypted with a
// passphrase and authenticated, and cosign reads it. ssh-agent is better than
// any file, because it never reveals the key. The other formats let you use an
// existing key, or move a key to another tool.
//
// Every format that this version reads or writes stays readable.
//
// # What is repaired
//
// Editors on Windows and build services change the text of a key, in files and in
// variables. A byte order mark, other line breaks, blanks at the end, and line
// breaks that became the two characters \n or a space are read as what they were.
// UTF-16, quotation marks, base64 of the whole file and missing lines are not
// repaired: the error names them.
//
// # What is rejected
//
// A key file whose public half does not belong to its private half is rejected
// with [ErrKeyMismatch]: a signature made with such a pair reveals the private
// key. The public half is always derived from the seed, never taken from the
// file. Keys of other types are rejected with [ErrNotEd25519].
//
// Files and variables are limited to [MaxFile] bytes, and key derivation to a
// few seconds and 1 GiB of memory.
//
// Errors never quote what was read, because it may be a private key or a
// passphrase. They do not wrap the errors of parsing libraries, some of which
// quote their input. A key that is given in place of the name of a file or variable
// is not quoted either.
//
// All functions are safe for concurrent use.
package keys
