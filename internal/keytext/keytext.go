// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package keytext recognizes private keys in text, so that no message quotes one.
package keytext

import (
	"os"
	"path/filepath"
	"strings"
)

// private are parts of the text of private keys that no other text contains. They
// come before the secret bytes, so text that is cut before them reveals nothing.
var private = []string{
	"PRIVATE KEY-----",     // PEM
	"MC4CAQ",               // PKCS#8 (RFC 5958) of Ed25519 or X25519
	"BQYDK2VwBCIE",         // PKCS#8 of Ed25519, any version
	"BQYDK2VxBDsE",         // PKCS#8 of Ed448
	"GCSqGSIb3DQEFDT",      // PKCS#8, encrypted (PBES2)
	"gkqhkiG9w0BAQEFAASC",  // PKCS#8 of RSA
	"IBAAK",                // PKCS#1 (RFC 8017), version and start of the modulus
	"MIGHAgEAMBMGByqG",     // PKCS#8 of ECDSA
	"MHcCAQEEI",            // SEC 1 (RFC 5915)
	"b3BlbnNzaC1rZXktdj",   // OpenSSH
	"RWRTY0Iy",             // minisign, encrypted
	"RWQAAEIy",             // minisign
	"eyJrZGYiOnsibmFtZSI6", // sigstore
	"AGE-SECRET-KEY-1",     // age
}

// Base64 of a PEM file, and of one with a public key.
const pemBase64, publicPEMBase64 = "LS0tLS1CRUdJTi", "LS0tLS1CRUdJTiBQVUJMSUMg"

// IsPrivate reports whether s contains a private key, whole or in part, in one of
// the encodings that key files have.
func IsPrivate(s string) bool {
	for _, part := range private {
		if strings.Contains(s, part) {
			return true
		}
	}
	return strings.Count(s, pemBase64) > strings.Count(s, publicPEMBase64)
}

// shortest is less than the length of base64 of 32 bytes without padding.
const shortest = 40

// MaybeSecret reports whether a name must not be quoted, because it may be a key
// without any header. Fingerprints, hashes and long paths without a dot may be
// taken for keys too, so the name may still be that of a file.
func MaybeSecret(name string) bool {
	name = strings.Trim(name, " \t\r\n\"'")
	if IsPrivate(name) || strings.ContainsAny(name, "\r\n") || strings.HasPrefix(name, "-----") {
		return true
	}
	var upper, lower, digit, other bool
	for _, r := range name {
		switch {
		case r >= 'A' && r <= 'Z':
			upper = true
		case r >= 'a' && r <= 'z':
			lower = true
		case r >= '0' && r <= '9':
			digit = true
		case r == '+' || r == '=':
			other = true
		case r == '/' || r == '-' || r == '_': // base64 and paths
		default:
			return false
		}
	}
	isHex := strings.Trim(name, "0123456789abcdefABCDEF") == ""
	return len(name) >= shortest && (other || isHex || upper && lower && digit)
}

// MaybeSecretPath is MaybeSecret for the name of a file that cannot be opened. A name
// in a directory that exists is one, unless it contains a private key.
func MaybeSecretPath(path string) bool {
	if !MaybeSecret(path) || IsPrivate(path) {
		return IsPrivate(path)
	}
	dir := filepath.Dir(path)
	if dir == "." || dir == filepath.Dir(dir) {
		return true // a key may begin with a slash
	}
	_, err := os.Stat(dir)
	return err != nil
}
