// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/scrypt"
)

func TestWrongMinisignPassphrase(t *testing.T) {
	k := rfcKey(t)
	sealed := cheapMinisign(t, k)
	_, err := ParsePrivate(sealed, []byte("wrong"))
	require.ErrorIs(t, err, ErrPassphrase)
	back, err := ParsePrivate(sealed, []byte(testPassphrase))
	require.NoError(t, err)
	require.True(t, back.equal(k))
}

// cheapMinisign encrypts k with testPassphrase and the lowest possible costs.
func cheapMinisign(t *testing.T, k *PrivateKey) []byte {
	t.Helper()
	return cheapMinisignWith(t, k, testPassphrase)
}

func cheapMinisignWith(t *testing.T, k *PrivateKey, passphrase string) []byte {
	t.Helper()
	raw, err := minisignLine(formatMinisign(k))
	require.NoError(t, err)
	copy(raw[2:], "Sc")
	binary.LittleEndian.PutUint64(raw[38:], 1<<15)
	binary.LittleEndian.PutUint64(raw[46:], 1<<20)
	sum := blake2b.Sum256(append([]byte("Ed"), raw[minisignIDAt:minisignSumAt]...))
	copy(raw[minisignSumAt:], sum[:])
	stream, err := scrypt.Key([]byte(passphrase), raw[6:38], 1<<10, 8, 1, len(raw)-minisignIDAt)
	require.NoError(t, err)
	subtle.XORBytes(raw[minisignIDAt:], raw[minisignIDAt:], stream)
	return minisignFile(raw)
}

func minisignFile(raw []byte) []byte {
	return []byte(minisignComment + " test\n" + base64.StdEncoding.EncodeToString(raw) + "\n")
}

func TestMinisignChecksum(t *testing.T) {
	raw, err := minisignLine(testdata(t, "minisign.key"))
	require.NoError(t, err)
	sum := blake2b.Sum256(append([]byte("Ed"), raw[minisignIDAt:minisignSumAt]...))

	copy(raw[minisignSumAt:], sum[:])
	_, err = ParsePrivate(minisignFile(raw), nil)
	require.NoError(t, err, "a correct checksum")

	raw[minisignSumAt] ^= 1
	_, err = ParsePrivate(minisignFile(raw), nil)
	require.ErrorIs(t, err, ErrMalformed)
}

// minisignWith is a secret key with another algorithm at an offset.
func minisignWith(t *testing.T, at int, algorithm string) string {
	raw, err := minisignLine(testdata(t, "minisign.key"))
	require.NoError(t, err)
	copy(raw[at:], algorithm)
	return minisignComment + "\n" + base64.StdEncoding.EncodeToString(raw) + "\n"
}
