// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 8018 makes HMAC-SHA-1 the default of PBKDF2; it is read, not written.
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/scrypt"
)

// PKCS#8 encrypted with PBES2 (RFC 8018 §6.2), as openssl writes it. The library
// that sigstore uses does not limit the costs that a file demands, so a file can
// keep it busy for years. It also ignores the public half.

// The costs that a file may demand: a few seconds and 1 GiB at most.
const (
	maxPBKDF2      = 10_000_000
	maxScryptWork  = 1 << 30 // 128·N·r·p bytes, which is more than the memory used
	maxScryptBlock = 1 << 10 // r: scrypt also uses 128·r·p and 256·r bytes
	maxScryptLanes = 16      // p
)

// writtenPBKDF2 is OWASP's number of iterations for PBKDF2 with HMAC-SHA-256.
const writtenPBKDF2 = 600_000

func oidPBES2() asn1.ObjectIdentifier      { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13} }
func oidPBKDF2() asn1.ObjectIdentifier     { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12} }
func oidHMACSHA256() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9} }
func oidAES256CBC() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
}

var errPBES2 = fmt.Errorf("%w: damaged encrypted PKCS#8", ErrMalformed)

func openPKCS8(der, passphrase []byte) (*PrivateKey, error) {
	input := cryptobyte.String(der)
	var outer, algorithm, params, kdf, scheme, ciphertext, iv cryptobyte.String
	var oid, kdfOID, schemeOID asn1.ObjectIdentifier
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !input.Empty() ||
		!outer.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) ||
		!outer.ReadASN1(&ciphertext, cbasn1.OCTET_STRING) || !outer.Empty() {
		return nil, errPBES2
	}
	if !oid.Equal(oidPBES2()) {
		return nil, fmt.Errorf("%w: PKCS#8 not encrypted with PBES2", ErrUnsupported)
	}
	if !algorithm.ReadASN1(&params, cbasn1.SEQUENCE) || !algorithm.Empty() ||
		!params.ReadASN1(&kdf, cbasn1.SEQUENCE) || !kdf.ReadASN1ObjectIdentifier(&kdfOID) ||
		!params.ReadASN1(&scheme, cbasn1.SEQUENCE) || !scheme.ReadASN1ObjectIdentifier(&schemeOID) || !params.Empty() {
		return nil, errPBES2
	}
	keySize, err := aesKeySize(schemeOID)
	if err != nil {
		return nil, err
	}
	if !scheme.ReadASN1(&iv, cbasn1.OCTET_STRING) || !scheme.Empty() || len(iv) != aes.BlockSize ||
		len(ciphertext) == 0 || len(ciphertext)%aes.BlockSize != 0 {
		return nil, errPBES2
	}
	key, err := deriveKey(kdfOID, kdf, passphrase, keySize)
	if err != nil {
		return nil, err
	}
	plain, err := decryptCBC(key, iv, ciphertext)
	if err != nil {
		return nil, err
	}
	parsed, err := parsePKCS8(plain)
	if errors.Is(err, ErrMalformed) {
		// CBC is not authenticated: a wrong key decrypts to garbage.
		return nil, ErrPassphrase
	}
	return parsed, err
}

func aesKeySize(oid asn1.ObjectIdentifier) (int, error) {
	switch oid.String() {
	case "2.16.840.1.101.3.4.1.2":
		return 16, nil
	case "2.16.840.1.101.3.4.1.22":
		return 24, nil
	case oidAES256CBC().String():
		return 32, nil
	}
	return 0, fmt.Errorf("%w: PKCS#8 not encrypted with AES-CBC", ErrUnsupported)
}

func deriveKey(oid asn1.ObjectIdentifier, kdf cryptobyte.String, passphrase []byte, size int) ([]byte, error) {
	var params, salt cryptobyte.String
	if !kdf.ReadASN1(&params, cbasn1.SEQUENCE) || !kdf.Empty() || !params.ReadASN1(&salt, cbasn1.OCTET_STRING) {
		return nil, errPBES2
	}
	switch oid.String() {
	case oidPBKDF2().String():
		return derivePBKDF2(params, salt, passphrase, size)
	case "1.3.6.1.4.1.11591.4.11":
		return deriveScrypt(params, salt, passphrase, size)
	}
	return nil, fmt.Errorf("%w: PKCS#8 with a key derivation other than PBKDF2 and scrypt", ErrUnsupported)
}

func derivePBKDF2(params, salt cryptobyte.String, passphrase []byte, size int) ([]byte, error) {
	var rounds int
	if !params.ReadASN1Integer(&rounds) || !readKeyLength(&params, size) {
		return nil, errPBES2
	}
	if rounds < 1 || rounds > maxPBKDF2 {
		return nil, fmt.Errorf("%w: PBKDF2 with %d iterations, at most %d are supported", ErrUnsupported, rounds, maxPBKDF2)
	}
	prf := asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 7} // the default, HMAC-SHA-1
	if !params.Empty() {
		var algorithm cryptobyte.String
		if !params.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !params.Empty() || !algorithm.ReadASN1ObjectIdentifier(&prf) {
			return nil, errPBES2
		}
	}
	newHash := map[string]func() hash.Hash{
		"1.2.840.113549.2.7":     sha1.New,
		oidHMACSHA256().String(): sha256.New,
		"1.2.840.113549.2.10":    sha512.New384,
		"1.2.840.113549.2.11":    sha512.New,
	}[prf.String()]
	if newHash == nil {
		return nil, fmt.Errorf("%w: PBKDF2 with a hash other than SHA-1 and SHA-2", ErrUnsupported)
	}
	key, err := pbkdf2.Key(newHash, string(passphrase), salt, rounds, size)
	if err != nil {
		return nil, fmt.Errorf("%w: invalid parameters of PBKDF2", ErrUnsupported)
	}
	return key, nil
}

func deriveScrypt(params, salt cryptobyte.String, passphrase []byte, size int) ([]byte, error) {
	var n, r, p int
	if !params.ReadASN1Integer(&n) || !params.ReadASN1Integer(&r) || !params.ReadASN1Integer(&p) ||
		!readKeyLength(&params, size) || !params.Empty() {
		return nil, errPBES2
	}
	if r < 1 || r > maxScryptBlock || p < 1 || p > maxScryptLanes || n > maxScryptWork/128/r/p {
		return nil, fmt.Errorf("%w: scrypt costs out of range", ErrUnsupported)
	}
	key, err := scrypt.Key(passphrase, salt, n, r, p, size)
	if err != nil {
		return nil, fmt.Errorf("%w: invalid parameters of scrypt", ErrUnsupported)
	}
	return key, nil
}

// readKeyLength reads the optional key length, which must be that of the cipher.
func readKeyLength(params *cryptobyte.String, size int) bool {
	if !params.PeekASN1Tag(cbasn1.INTEGER) {
		return true
	}
	var length int
	return params.ReadASN1Integer(&length) && length == size
}

func decryptCBC(key, iv, ciphertext []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errPBES2
	}
	plain := make([]byte, len(ciphertext))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, ciphertext)

	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > aes.BlockSize || !bytes.HasSuffix(plain, bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, ErrPassphrase
	}
	return plain[:len(plain)-pad], nil
}

// sealPKCS8 encrypts a PKCS#8 key so that openssl reads it: PBKDF2 with
// HMAC-SHA-256, AES-256-CBC.
func sealPKCS8(der, passphrase []byte) ([]byte, error) {
	random := make([]byte, 16+aes.BlockSize)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("reading random bytes: %w", err)
	}
	salt, iv := random[:16], random[16:]
	key, err := pbkdf2.Key(sha256.New, string(passphrase), salt, writtenPBKDF2, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("preparing AES: %w", err)
	}
	pad := aes.BlockSize - len(der)%aes.BlockSize
	sealed := append(bytes.Clone(der), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(sealed, sealed)

	sequence := func(b *cryptobyte.Builder, f cryptobyte.BuilderContinuation) { b.AddASN1(cbasn1.SEQUENCE, f) }
	var b cryptobyte.Builder
	sequence(&b, func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidPBES2())
			sequence(b, func(b *cryptobyte.Builder) {
				sequence(b, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidPBKDF2())
					sequence(b, func(b *cryptobyte.Builder) {
						b.AddASN1OctetString(salt)
						b.AddASN1Int64(writtenPBKDF2)
						sequence(b, func(b *cryptobyte.Builder) {
							b.AddASN1ObjectIdentifier(oidHMACSHA256())
							b.AddASN1NULL()
						})
					})
				})
				sequence(b, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidAES256CBC())
					b.AddASN1OctetString(iv)
				})
			})
		})
		b.AddASN1OctetString(sealed)
	})
	return b.Bytes()
}
