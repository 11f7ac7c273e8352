// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"

	"github.com/choria-io/go-updater/trust"
)

// openSSHMagic is the start of the file, see PROTOCOL.key of OpenSSH.
const openSSHMagic = "openssh-key-v1\x00"

// maxBcrypt limits the rounds of bcrypt; so many take seconds.
const maxBcrypt = 1 << 11

// detectOpenSSH reads the part that is never encrypted. It rejects a key of
// another type before the user types a passphrase.
func detectOpenSSH(text, der []byte) (container, error) {
	malformed := fmt.Errorf("%w: damaged OpenSSH key", ErrMalformed)

	rest, ok := bytes.CutPrefix(der, []byte(openSSHMagic))
	if !ok {
		return container{}, malformed
	}
	var header struct {
		Cipher, KDF, Options string
		Keys                 uint32
		Public, Private      []byte
	}
	if err := ssh.Unmarshal(rest, &header); err != nil || header.Keys != 1 {
		return container{}, malformed
	}
	public, err := parseSSHKey(header.Public)
	if err != nil {
		return container{}, err
	}
	if header.Cipher == "none" && header.KDF == "none" {
		return container{Info{OpenSSH, false}, func([]byte) (*PrivateKey, error) {
			return openOpenSSH(text, nil, public)
		}}, nil
	}

	if header.KDF != "bcrypt" || (header.Cipher != "aes256-ctr" && header.Cipher != "aes256-cbc") {
		return container{}, fmt.Errorf("%w: OpenSSH key not encrypted with bcrypt and aes256-ctr or aes256-cbc", ErrUnsupported)
	}
	var options struct {
		Salt   string
		Rounds uint32
	}
	if err := ssh.Unmarshal([]byte(header.Options), &options); err != nil {
		return container{}, malformed
	}
	if options.Rounds > maxBcrypt {
		return container{}, fmt.Errorf("%w: bcrypt with %d rounds, at most %d are supported", ErrUnsupported, options.Rounds, maxBcrypt)
	}
	return container{Info{OpenSSH, true}, func(passphrase []byte) (*PrivateKey, error) {
		return openOpenSSH(text, passphrase, public)
	}}, nil
}

func openOpenSSH(text, passphrase []byte, public trust.Key) (*PrivateKey, error) {
	var parsed any
	var err error
	if passphrase == nil {
		parsed, err = ssh.ParseRawPrivateKey(text)
	} else {
		parsed, err = ssh.ParseRawPrivateKeyWithPassphrase(text, passphrase)
	}
	switch {
	case errors.Is(err, x509.IncorrectPasswordError), err != nil && passphrase != nil:
		return nil, ErrPassphrase
	case err != nil:
		return nil, fmt.Errorf("%w: damaged OpenSSH key", ErrMalformed)
	}
	key, ok := parsed.(*ed25519.PrivateKey)
	if !ok {
		return nil, ErrKeyMismatch // the clear part is of an Ed25519 key
	}
	seed, inner := (*key)[:ed25519.SeedSize], (*key)[ed25519.SeedSize:]
	if !bytes.Equal(inner, public.Bytes()) {
		return nil, ErrKeyMismatch
	}
	return fromPair(seed, inner)
}

// parseSSHKey reads the wire form of a public key (RFC 8709 §4).
func parseSSHKey(wire []byte) (trust.Key, error) {
	var name struct {
		Algorithm string
		Rest      []byte `ssh:"rest"`
	}
	if err := ssh.Unmarshal(wire, &name); err != nil {
		return trust.Key{}, fmt.Errorf("%w: damaged OpenSSH public key", ErrMalformed)
	}
	switch name.Algorithm {
	case ssh.KeyAlgoED25519:
	case ssh.KeyAlgoRSA:
		return trust.Key{}, notEd25519("RSA")
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return trust.Key{}, notEd25519("ECDSA")
	case "ssh-dss":
		return trust.Key{}, notEd25519("DSA")
	case ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
		// Their signatures cover a counter of the token too: not plain Ed25519.
		return trust.Key{}, notEd25519("FIDO security")
	default:
		return trust.Key{}, notEd25519("unknown type of OpenSSH")
	}
	var body struct{ Raw []byte }
	if err := ssh.Unmarshal(name.Rest, &body); err != nil {
		return trust.Key{}, fmt.Errorf("%w: damaged OpenSSH public key", ErrMalformed)
	}
	return trust.NewKey(body.Raw)
}
