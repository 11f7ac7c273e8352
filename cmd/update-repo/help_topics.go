// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

const exitCodesHelp = `0    Done.
1    Failed: nothing was changed, or the error says what was. verify and tuf status
     return it if clients refuse anything.
2    The command line is wrong, or a passphrase was needed and there is no terminal.
     The help text is printed to standard error if a command is missing.
130  Interrupted by Ctrl-C (SIGINT).
143  Interrupted by SIGTERM.

A command that was interrupted can be repeated. Data is printed to standard output;
errors, hints, warnings and progress to standard error.`

const environmentHelp = `SOURCE_DATE_EPOCH     The date of a release, in seconds since 1970, instead of the
                      current time. The same input then makes the same files.
SSH_AUTH_SOCK         The socket of the SSH agent, for --key ssh-agent:FINGERPRINT.
HTTP_PROXY, HTTPS_PROXY, NO_PROXY
                      The proxies for verify --repo URL, also in lower case.
TMPDIR                The directory of temporary files; TMP on Windows.
NO_COLOR, CI          If not empty: no colors and no progress bars.
TERM                  The same, if it is dumb.

Secrets are read only from variables that a flag names: --key env:NAME,
--passphrase-env NAME and --header env:NAME.`

const keysHelp = `Flags name a private key as a REF, and public keys as a FILE.

A private key, REF of --key and --tuf-key:
  release.key                a file
  env:NAME                   the content of a key file, in a variable
  ssh-agent:FINGERPRINT      an Ed25519 key in the SSH agent, by its SHA256:… fingerprint

The passphrase of an encrypted key is asked for on the terminal, or read with
--passphrase-file or --passphrase-env. It is never an argument, because other users
can read these. A private key inside the repository is refused.

A public key, FILE of --public-key, --root and others, is a file with one key or
several. Two signatures of one key count once.

keygen release makes a key pair, keygen show prints what is in a file, and keygen
convert changes the format. update-repo help formats lists the formats.`

const formatsHelp = `Of private keys:  PKCS#8 PEM, sigstore (cosign) and OpenSSH PEM, minisign.
Of public keys:   PEM (PKIX), OpenSSH, minisign.
Of all of them only Ed25519 keys.

Of artifacts, for --encodings and, by the end of the name, for --artifact:
  bzip2  .bz2   read by all clients, also by those of version 0.1.0
  zstd   .zst   read by clients of this version
  gzip   .gz    read by clients of this version
  none          the binary as it is, read by all clients

Of a repository: VERSION/OS/ARCH/release.json, a signed document, next to the
artifacts that it names; TUF metadata in metadata/. docs/release-format.md describes
both.

Of output: text for people, which may change, or with --json one JSON document.`

// topics returns the help topics: commands that only have a help text.
func topics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "exit-codes", Short: "Exit codes", Long: exitCodesHelp},
		{Use: "environment", Short: "Environment variables that are read", Long: environmentHelp},
		{Use: "keys", Short: "How flags name keys and passphrases", Long: keysHelp},
		{Use: "formats", Short: "Formats of keys, artifacts, repositories and output", Long: formatsHelp},
	}
}
