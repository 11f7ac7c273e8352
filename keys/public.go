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
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/choria-io/go-updater/trust"
)

// PublicKey is a public key and the number by which minisign names it. It is
// comparable.
type PublicKey struct {
	Key trust.Key

	// MinisignID is what the minisign file said, or the first 8 bytes of the
	// fingerprint. It is a label and no security rests on it.
	MinisignID uint64
}

// NewPublicKey names a key that has no minisign number of its own.
func NewPublicKey(k trust.Key) PublicKey {
	// ID is hex by construction; should it ever not be, the label is zero.
	sum, _ := hex.DecodeString(k.ID()[:16])
	return PublicKey{Key: k, MinisignID: binary.BigEndian.Uint64(sum)}
}

// SSHFingerprint is the name by which ssh-keygen -l and ssh-add -l know the key.
func (k PublicKey) SSHFingerprint() string { return ssh.FingerprintSHA256(sshKey(k.Key)) }

// MinisignName is the number as minisign prints it.
func (k PublicKey) MinisignName() string { return fmt.Sprintf("%016X", k.MinisignID) }

// sshKey is the key in the type of x/crypto/ssh.
func sshKey(k trust.Key) ssh.PublicKey {
	key, err := ssh.NewPublicKey(ed25519.PublicKey(k.Bytes()))
	if err != nil {
		panic("keys: x/crypto/ssh does not take an ed25519.PublicKey") // it always did
	}
	return key
}

// PublicFormat is a form in which a public key is given to others.
type PublicFormat string

// The forms that are written; all but Go are read too.
const (
	PublicPEM      PublicFormat = "pem"
	PublicBase64   PublicFormat = "base64"
	PublicRaw      PublicFormat = "raw" // 32 bytes
	PublicOpenSSH  PublicFormat = "openssh"
	PublicMinisign PublicFormat = "minisign"
	PublicGo       PublicFormat = "go" // a line to embed
)

// PublicFormats lists the forms of a public key.
func PublicFormats() []PublicFormat {
	return []PublicFormat{PublicPEM, PublicBase64, PublicRaw, PublicOpenSSH, PublicMinisign, PublicGo}
}

// FormatPublic writes a public key; texts end in a newline.
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

// ParsePublic reads public keys: what [trust.ParseKeys] reads, the line or lines
// of an OpenSSH .pub file, and a minisign .pub file or the bare line in it. It
// returns at least one and at most [trust.MaxKeys].
func ParsePublic(data []byte) ([]PublicKey, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrMalformed, MaxFile)
	}
	text := bytes.TrimSpace(data)
	switch {
	case len(data) == ed25519.PublicKeySize:
	case len(text) == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrMalformed)
	case bytes.Contains(text, []byte("PRIVATE KEY-----")):
		return nil, ErrNotPublic
	case bytes.HasPrefix(text, []byte(minisignComment)):
		raw, err := minisignLine(text)
		if err != nil {
			return nil, err
		}
		return one(parseMinisignPublic(raw))
	case len(text) == base64.StdEncoding.EncodedLen(minisignPublicSize) && bytes.HasPrefix(text, []byte("RW")):
		raw, err := decodeLine(text)
		if err != nil {
			return nil, fmt.Errorf("%w: minisign key: %w", ErrMalformed, err)
		}
		return one(parseMinisignPublic(raw))
	case isSSHLine(text):
		return parseSSHLines(text)
	}
	parsed, err := trust.ParseKeys(data)
	if err != nil {
		return nil, err
	}
	keys := make([]PublicKey, len(parsed))
	for i, k := range parsed {
		keys[i] = NewPublicKey(k)
	}
	return keys, nil
}

func one(k PublicKey, err error) ([]PublicKey, error) {
	if err != nil {
		return nil, err
	}
	return []PublicKey{k}, nil
}

func isSSHLine(text []byte) bool {
	for _, prefix := range []string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"} {
		if bytes.HasPrefix(text, []byte(prefix)) {
			return true
		}
	}
	return false
}

// parseSSHLines reads "ssh-ed25519 BASE64 [comment]" lines. Options, as in
// authorized_keys, are not read: their restrictions would be lost.
func parseSSHLines(text []byte) ([]PublicKey, error) {
	var keys []PublicKey
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 2 || len(keys) == trust.MaxKeys {
			return nil, fmt.Errorf("%w: OpenSSH line without a key, or more than %d lines", ErrMalformed, trust.MaxKeys)
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
			return nil, fmt.Errorf("%w: OpenSSH line that names another algorithm than its key's", ErrMalformed)
		}
		keys = append(keys, NewPublicKey(key))
	}
	return keys, nil
}
