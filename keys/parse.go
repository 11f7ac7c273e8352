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

// MaxFile is the largest key file or variable that is read, in bytes.
const MaxFile = 64 << 10

// Info is what [Inspect] reports about a private key without decrypting it.
type Info struct {
	Format    PrivateFormat
	Encrypted bool
}

// container is a private key whose format is known, before it is decrypted.
type container struct {
	Info
	open func(passphrase []byte) (*PrivateKey, error)
}

// ParsePrivate reads exactly one private key in any [PrivateFormat]. If the key
// is encrypted and passphrase is nil, it returns [ErrPassphraseNeeded]; other tools
// encrypt keys with an empty passphrase, which is not nil. If it is
// not encrypted, passphrase is ignored. A byte order mark is ignored, and so is
// that the line breaks of PEM or minisign became \n or spaces. Other errors are [ErrMalformed],
// [ErrPassphrase], [ErrNotEd25519], [ErrKeyMismatch], [ErrNotPrivate] and
// [ErrUnsupported].
func ParsePrivate(data, passphrase []byte) (*PrivateKey, error) {
	c, err := detect(data)
	if err != nil {
		return nil, err
	}
	// Checked here: sigstore's reader takes a nil passphrase for "not encrypted"
	// and parses the ciphertext.
	if c.Encrypted && passphrase == nil {
		return nil, fmt.Errorf("%w: the private key is encrypted", ErrPassphraseNeeded)
	}
	return c.open(passphrase)
}

// Inspect reports the format of a private key without decrypting it. It returns
// [ErrNotPrivate] for a public key.
func Inspect(data []byte) (Info, error) {
	c, err := detect(data)
	return c.Info, err
}

func tooLarge() error { return fmt.Errorf("%w: more than %d bytes", ErrMalformed, MaxFile) }

func detect(data []byte) (container, error) {
	if len(data) > MaxFile {
		return container{}, tooLarge()
	}
	cleaned, err := clean(data)
	if err != nil {
		return container{}, err
	}
	text := bytes.TrimSpace(cleaned)
	switch {
	case len(text) == 0:
		return container{}, fmt.Errorf("%w: the input is empty", ErrMalformed)
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
	return container{}, fmt.Errorf("%w: %s", ErrMalformed, notAKey(text))
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
	return container{}, fmt.Errorf("%w: the PEM block is not a private key", ErrMalformed)
}

// onePEM reads a text that is one PEM block and nothing else. Of two keys, the
// wrong one could be used, and pem.Decode skips text that it cannot read.
func onePEM(text []byte) (*pem.Block, error) {
	block, rest := pem.Decode(text)
	switch {
	case !bytes.Contains(text, []byte("PRIVATE KEY-----")) && bytes.Contains(text, []byte("PUBLIC KEY-----")):
		return nil, ErrNotPrivate
	case bytes.Count(text, []byte("-----BEGIN ")) > 1:
		return nil, fmt.Errorf("%w: more than one PEM block", ErrMalformed)
	case block == nil:
		return nil, fmt.Errorf("%w: %s", ErrMalformed, damagedPEM(text))
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

// openSigstore decrypts the JSON of securesystemslib: scrypt and NaCl secretbox.
// The library accepts three sets of scrypt costs, so the work is bounded. They
// are checked here too, because the errors of the library quote the file and
// cannot be used to distinguish another file from a wrong passphrase.
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
		return nil, fmt.Errorf("%w: not encrypted with scrypt and nacl/secretbox", ErrUnsupported)
	}
	p := header.KDF.Params
	if (p.N != 1<<15 && p.N != 1<<16 && p.N != 1<<17) || p.R != 8 || p.P != 1 {
		return nil, fmt.Errorf("%w: scrypt costs other than those of cosign", ErrUnsupported)
	}
	der, err := encrypted.Decrypt(data, passphrase)
	if err != nil {
		return nil, ErrPassphrase
	}
	return parsePKCS8(der)
}

// decodeLine decodes strict base64 on one line, so each key has one spelling.
// The error of the library is dropped, because it reveals part of the secret.
func decodeLine(line []byte) ([]byte, error) {
	if bytes.ContainsAny(line, "\r\n") {
		return nil, errors.New("base64 on more than one line")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(string(line))
	if err != nil {
		return nil, errors.New("damaged base64")
	}
	return raw, nil
}
