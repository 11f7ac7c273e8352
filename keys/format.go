// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"golang.org/x/crypto/ssh"
)

// PrivateFormat is a form in which a private key is kept. The names end in
// -private so that nobody writes one where the public half was meant.
type PrivateFormat string

// The forms that are read and written.
const (
	Sigstore PrivateFormat = "sigstore-private" // PEM, scrypt and NaCl secretbox; always encrypted
	PKCS8    PrivateFormat = "pkcs8-private"    // PEM, as openssl
	OpenSSH  PrivateFormat = "openssh-private"  // as ssh-keygen -t ed25519
	Minisign PrivateFormat = "minisign-private" // as minisign -G
)

// PrivateFormats lists the forms of a private key.
func PrivateFormats() []PrivateFormat { return []PrivateFormat{Sigstore, PKCS8, OpenSSH, Minisign} }

// FormatEncrypted writes the key protected by a passphrase, which can't be
// empty: in the library below, a nil one silently means no protection. What it
// returns has been opened again, because it may replace the only copy of a key.
func FormatEncrypted(k *PrivateKey, f PrivateFormat, passphrase []byte) ([]byte, error) {
	if len(passphrase) == 0 {
		return nil, ErrEmptyPassphrase
	}
	sealed, err := seal(k, f, passphrase)
	if err != nil {
		return nil, fmt.Errorf("encrypting the key: %w", err)
	}
	opened, err := ParsePrivate(sealed, passphrase)
	if err != nil {
		return nil, fmt.Errorf("encrypting the key: reading it back: %w", err)
	}
	if !opened.Equal(k) {
		return nil, fmt.Errorf("encrypting the key: reading it back: %w", ErrKeyMismatch)
	}
	return sealed, nil
}

func seal(k *PrivateKey, f PrivateFormat, passphrase []byte) ([]byte, error) {
	switch f {
	case Sigstore, PKCS8:
		der, err := x509.MarshalPKCS8PrivateKey(k.secret().key)
		if err != nil {
			return nil, err
		}
		seal, kind := encrypted.Encrypt, "ENCRYPTED SIGSTORE PRIVATE KEY"
		if f == PKCS8 {
			seal, kind = sealPKCS8, "ENCRYPTED PRIVATE KEY"
		}
		sealed, err := seal(der, passphrase)
		if err != nil {
			return nil, err
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: sealed}), nil
	case OpenSSH:
		block, err := ssh.MarshalPrivateKeyWithPassphrase(k.secret().key, "", passphrase)
		if err != nil {
			return nil, err
		}
		return pem.EncodeToMemory(block), nil
	case Minisign:
		return sealMinisign(k, passphrase)
	}
	return nil, fmt.Errorf("%w: private key format %q", ErrUnsupported, string(f))
}

// FormatUnprotected writes the key as it is: whoever reads it can sign.
// [Sigstore] has no such form.
func FormatUnprotected(k *PrivateKey, f PrivateFormat) ([]byte, error) {
	switch f {
	case PKCS8:
		der, err := x509.MarshalPKCS8PrivateKey(k.secret().key)
		if err != nil {
			return nil, fmt.Errorf("encoding the key: %w", err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
	case OpenSSH:
		block, err := ssh.MarshalPrivateKey(k.secret().key, "")
		if err != nil {
			return nil, fmt.Errorf("encoding the key: %w", err)
		}
		return pem.EncodeToMemory(block), nil
	case Minisign:
		return formatMinisign(k), nil
	case Sigstore:
		return nil, fmt.Errorf("%w: %s is always encrypted, use %s", ErrUnsupported, Sigstore, PKCS8)
	}
	return nil, fmt.Errorf("%w: private key format %q", ErrUnsupported, string(f))
}
