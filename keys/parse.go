// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

// MaxFile is the largest key file or variable that is read.
const MaxFile = 64 << 10

// Info is what a private key file tells without being opened.
type Info struct {
	Format    PrivateFormat
	Encrypted bool
}

// container is a private key recognised but not yet opened.
type container struct {
	Info
	open func(passphrase []byte) (*PrivateKey, error)
}

// ParsePrivate reads a private key in any form of [PrivateFormat], with exactly
// one key in it. A nil passphrase means none is known: an encrypted key then
// answers [ErrPassphraseNeeded]. The passphrase is not looked at when the key
// is not encrypted.
func ParsePrivate(data, passphrase []byte) (*PrivateKey, error) {
	c, err := detect(data)
	if err != nil {
		return nil, err
	}
	// Here and not in open: sigstore's reader takes a nil passphrase for "not
	// encrypted" and goes on to parse ciphertext.
	if c.Encrypted && passphrase == nil {
		return nil, ErrPassphraseNeeded
	}
	return c.open(passphrase)
}

// Inspect tells the form of a private key without opening it. It answers
// [ErrNotPrivate] for a public key.
func Inspect(data []byte) (Info, error) {
	c, err := detect(data)
	return c.Info, err
}

func detect(data []byte) (container, error) {
	if len(data) > MaxFile {
		return container{}, fmt.Errorf("%w: more than %d bytes", ErrMalformed, MaxFile)
	}
	text := bytes.TrimSpace(data)
	switch {
	case len(text) == 0:
		return container{}, fmt.Errorf("%w: it is empty", ErrMalformed)
	case bytes.HasPrefix(text, []byte(minisignComment)):
		return detectMinisign(text)
	case bytes.HasPrefix(text, []byte("-----BEGIN ")):
		return detectPEM(text)
	case isSSHLine(text):
		return container{}, ErrNotPrivate
	}
	if _, err := ParsePublic(data); err == nil {
		return container{}, ErrNotPrivate
	}
	return container{}, fmt.Errorf("%w: neither PEM nor minisign", ErrMalformed)
}

func detectPEM(text []byte) (container, error) {
	block, err := onePEM(text)
	if err != nil {
		return container{}, err
	}
	switch block.Type {
	case "ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY":
		return container{Info{Sigstore, true}, func(passphrase []byte) (*PrivateKey, error) {
			return openSigstore(block.Bytes, passphrase)
		}}, nil
	case "PRIVATE KEY":
		return container{Info{PKCS8, false}, func([]byte) (*PrivateKey, error) {
			return parsePKCS8(block.Bytes)
		}}, nil
	case "ENCRYPTED PRIVATE KEY":
		return container{Info{PKCS8, true}, func(passphrase []byte) (*PrivateKey, error) {
			return openPKCS8(block.Bytes, passphrase)
		}}, nil
	case "OPENSSH PRIVATE KEY":
		return detectOpenSSH(text, block.Bytes)
	case "RSA PRIVATE KEY", "DSA PRIVATE KEY", "EC PRIVATE KEY":
		kind, _, _ := strings.Cut(block.Type, " ")
		return container{}, notEd25519(kind)
	}
	return container{}, fmt.Errorf("%w: PEM of a type that holds no private key", ErrMalformed)
}

// onePEM reads text as one PEM block with nothing around it: which of two keys
// is meant can't be known, and pem.Decode skips what it can't read.
func onePEM(text []byte) (*pem.Block, error) {
	block, rest := pem.Decode(text)
	switch {
	case !bytes.Contains(text, []byte("PRIVATE KEY-----")) && bytes.Contains(text, []byte("PUBLIC KEY-----")):
		return nil, ErrNotPrivate
	case bytes.Count(text, []byte("-----BEGIN ")) > 1:
		return nil, fmt.Errorf("%w: more than one PEM block", ErrMalformed)
	case block == nil:
		return nil, fmt.Errorf("%w: damaged PEM", ErrMalformed)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, fmt.Errorf("%w: text after the PEM block", ErrMalformed)
	}
	return block, nil
}

func notEd25519(kind string) error {
	article := "a"
	if strings.ContainsRune("AERXu", rune(kind[0])) {
		article = "an"
	}
	return fmt.Errorf("%w: it is %s %s key, and releases are signed with Ed25519 only", ErrNotEd25519, article, kind)
}

// openSigstore opens the JSON of securesystemslib: scrypt and NaCl secretbox.
// The library accepts three sets of scrypt costs and nothing else, so a file
// can't keep us busy. It is checked here too, to tell a file of another kind
// from a wrong passphrase without the library's errors, which quote the file.
func openSigstore(data, passphrase []byte) (*PrivateKey, error) {
	var header struct {
		KDF struct {
			Name   string `json:"name"`
			Params struct {
				N int `json:"N"`
				R int `json:"r"`
				P int `json:"p"`
			} `json:"params"`
		} `json:"kdf"`
		Cipher struct {
			Name  string `json:"name"`
			Nonce []byte `json:"nonce"`
		} `json:"cipher"`
	}
	if err := json.Unmarshal(data, &header); err != nil {
		return nil, fmt.Errorf("%w: the encrypted part is damaged", ErrMalformed)
	}
	if header.KDF.Name != "scrypt" || header.Cipher.Name != "nacl/secretbox" || len(header.Cipher.Nonce) != 24 {
		return nil, fmt.Errorf("%w: encrypted in another way than with scrypt and nacl/secretbox", ErrUnsupported)
	}
	p := header.KDF.Params
	if (p.N != 1<<15 && p.N != 1<<16 && p.N != 1<<17) || p.R != 8 || p.P != 1 {
		return nil, fmt.Errorf("%w: unusual scrypt costs", ErrUnsupported)
	}
	der, err := encrypted.Decrypt(data, passphrase)
	if err != nil {
		return nil, ErrPassphrase
	}
	return parsePKCS8(der)
}

// decodeLine is strict base64 of one line: one spelling for each key. The
// library's error is dropped, for it tells where in the secret it stopped.
func decodeLine(line []byte) ([]byte, error) {
	if bytes.ContainsAny(line, "\r\n") {
		return nil, errors.New("base64 over several lines")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(string(line))
	if err != nil {
		return nil, errors.New("damaged base64")
	}
	return raw, nil
}
