// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/choria-io/go-updater/internal/keytext"
	"github.com/choria-io/go-updater/trust"
)

// PublicKey is a public key with the names that other tools use for it. It is
// comparable. PublicKey{Key: k} is complete.
type PublicKey struct {
	trust.Key

	// minisign is the key id as a minisign file contains it, or "" for that of
	// minisignID. It is a label and nothing depends on it.
	minisign string
}

// withMinisignID returns k with the key id of a minisign file.
func withMinisignID(k trust.Key, id []byte) PublicKey {
	out := PublicKey{Key: k}
	if !bytes.Equal(id, out.minisignID()) { // so that equal keys compare equal
		out.minisign = string(id)
	}
	return out
}

// SSHFingerprint returns the fingerprint that ssh-keygen -l and ssh-add -l print.
func (k PublicKey) SSHFingerprint() string { return ssh.FingerprintSHA256(sshKey(k.Key)) }

// MinisignID returns the key id as minisign prints it. A key that was not read
// from a minisign file uses the first 16 digits of its fingerprint.
func (k PublicKey) MinisignID() string {
	return fmt.Sprintf("%016X", binary.LittleEndian.Uint64(k.minisignID()))
}

// minisignID returns the key id as minisign files contain it.
func (k PublicKey) minisignID() []byte {
	if k.minisign != "" {
		return []byte(k.minisign)
	}
	// The fingerprint is hex, so this cannot fail.
	id, _ := hex.DecodeString(k.ID()[:16])
	slices.Reverse(id)
	return id
}

func sshKey(k trust.Key) ssh.PublicKey {
	key, err := ssh.NewPublicKey(ed25519.PublicKey(k.Bytes()))
	if err != nil {
		panic("keys: x/crypto/ssh rejects an ed25519.PublicKey") // it accepts all
	}
	return key
}

// PublicFormat is a file format of a public key.
type PublicFormat string

// The formats that [FormatPublic] writes. [ParsePublic] reads all but Go.
const (
	PublicPEM      PublicFormat = "pem"
	PublicBase64   PublicFormat = "base64"
	PublicRaw      PublicFormat = "raw" // 32 bytes
	PublicOpenSSH  PublicFormat = "openssh"
	PublicMinisign PublicFormat = "minisign"
	PublicGo       PublicFormat = "go" // a line of Go source
)

// FormatPublic returns the key in format f. All formats but [PublicRaw] end in a
// newline. It returns [ErrUnsupported] if f is unknown.
func FormatPublic(k PublicKey, f PublicFormat) ([]byte, error) {
	switch f {
	case PublicPEM:
		return k.Key.PEM(), nil
	case PublicBase64:
		return []byte(k.Key.String() + "\n"), nil
	case PublicRaw:
		return k.Key.Bytes(), nil
	case PublicOpenSSH:
		return ssh.MarshalAuthorizedKey(sshKey(k.Key)), nil
	case PublicMinisign:
		return formatMinisignPublic(k), nil
	case PublicGo:
		return fmt.Appendf(nil, "var releaseKey = []byte(%q)\n", k.Key.String()), nil
	}
	return nil, fmt.Errorf("%w: public key format %q", ErrUnsupported, string(f))
}

// ParsePublic reads public keys: everything that [trust.ParseKeys] reads, the
// lines of an OpenSSH .pub file, and a minisign .pub file or its second line
// alone. What an editor or a build service does to text is undone, as in
// [ParsePrivate]. It returns between one and [trust.MaxKeys] keys. Errors are
// [ErrMalformed], [ErrNotEd25519], [ErrNotPublic] and [trust.ErrBadKey].
func ParsePublic(data []byte) ([]PublicKey, error) {
	if len(data) > MaxFile {
		return nil, tooLarge()
	}
	data, err := clean(data)
	if err != nil {
		return nil, err
	}
	text := bytes.TrimSpace(data)
	switch {
	case len(data) == ed25519.PublicKeySize:
	case len(text) == 0:
		return nil, fmt.Errorf("%w: the input is empty", ErrMalformed)
	case keytext.IsPrivate(string(text)):
		return nil, ErrNotPublic
	case bytes.HasPrefix(text, []byte(minisignComment)):
		raw, err := minisignLine(text)
		if err != nil {
			return nil, err
		}
		return parseMinisignPublic(raw)
	case len(text) == base64.StdEncoding.EncodedLen(minisignPublicSize) && bytes.HasPrefix(text, []byte("RW")):
		raw, err := decodeLine(text)
		if err != nil {
			return nil, fmt.Errorf("%w: minisign key: %w", ErrMalformed, err)
		}
		return parseMinisignPublic(raw)
	case isSSHLine(text):
		return parseSSHLines(text)
	}
	parsed, err := trust.ParseKeys(data)
	if err != nil && notAKey(text) == base64File {
		return nil, fmt.Errorf("%w: %s", ErrMalformed, base64File)
	}
	if err != nil {
		return nil, err
	}
	keys := make([]PublicKey, len(parsed))
	for i, k := range parsed {
		keys[i] = PublicKey{Key: k}
	}
	return keys, nil
}

func isSSHLine(text []byte) bool {
	for _, prefix := range []string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"} {
		if bytes.HasPrefix(text, []byte(prefix)) {
			return true
		}
	}
	return false
}

// parseSSHLines reads lines of "ssh-ed25519 BASE64 [comment]". The options of
// authorized_keys are rejected, because their restrictions would be lost.
func parseSSHLines(text []byte) ([]PublicKey, error) {
	var keys []PublicKey
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 2 || len(keys) == trust.MaxKeys {
			return nil, fmt.Errorf("%w: an OpenSSH line without a key, or more than %d keys", ErrMalformed, trust.MaxKeys)
		}
		wire, err := decodeLine([]byte(fields[1]))
		if err != nil {
			return nil, fmt.Errorf("%w: OpenSSH key: %w", ErrMalformed, err)
		}
		key, err := parseSSHKey(wire)
		if err != nil {
			return nil, err
		}
		if fields[0] != ssh.KeyAlgoED25519 {
			return nil, fmt.Errorf("%w: the algorithm of the OpenSSH line is not that of its key", ErrMalformed)
		}
		keys = append(keys, PublicKey{Key: key})
	}
	return keys, nil
}
