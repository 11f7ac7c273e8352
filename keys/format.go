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

// PrivateFormat is a file format of a private key. The names end in -private, so
// that they cannot be confused with a [PublicFormat].
type PrivateFormat string

// The formats that are read and written.
const (
	Sigstore PrivateFormat = "sigstore-private" // PEM, scrypt and NaCl secretbox; always encrypted
	PKCS8    PrivateFormat = "pkcs8-private"    // PEM, as openssl genpkey
	OpenSSH  PrivateFormat = "openssh-private"  // as ssh-keygen -t ed25519
	Minisign PrivateFormat = "minisign-private" // as minisign -G
)

// FormatEncrypted returns the key in format f, encrypted with the passphrase. It
// decrypts the result before it returns it, because the result may replace the
// only copy of the key. It returns [ErrPassphraseNeeded] if the passphrase is
// empty, and [ErrUnsupported] if f is unknown.
func FormatEncrypted(k *PrivateKey, f PrivateFormat, passphrase []byte) ([]byte, error) {
	// With a nil passphrase, some of the libraries would not encrypt.
	if len(passphrase) == 0 {
		return nil, fmt.Errorf("encrypting the key: %w: an empty one does not protect it", ErrPassphraseNeeded)
	}
	sealed, err := seal(k, f, passphrase)
	if err != nil {
		return nil, fmt.Errorf("encrypting the key: %w", err)
	}
	opened, err := ParsePrivate(sealed, passphrase)
	if err != nil {
		return nil, fmt.Errorf("encrypting the key: reading it back: %w", err)
	}
	if !opened.equal(k) {
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

// FormatUnprotected returns the key in format f without encryption: everyone who
// can read the result can sign. It returns [ErrUnsupported] for [Sigstore], which
// is always encrypted, and if f is unknown.
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
