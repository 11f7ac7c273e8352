// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/ssh"

	"github.com/choria-io/go-updater/internal/testing/race"
)

func TestReadsKeysOfOtherTools(t *testing.T) {
	race.Skip(t, "key derivation, in one goroutine")
	for _, tc := range []struct {
		private, public string
		encrypted       bool
	}{
		{"openssl.pem", "openssl.pub", false},
		{"openssl-pbkdf2.pem", "openssl.pub", true},
		{"openssl-scrypt.pem", "openssl.pub", true},
		{"openssl-sha512.pem", "openssl.pub", true},
		{"openssl-sha1.pem", "openssl.pub", true},
		{"openssh", "openssh.pub", false},
		{"openssh-encrypted", "openssh-encrypted.pub", true},
		{"minisign.key", "minisign.pub", false},
		{"minisign-encrypted.key", "minisign-encrypted.pub", true},
	} {
		t.Run(tc.private, func(t *testing.T) {
			t.Parallel()
			if tc.private == "minisign-encrypted.key" {
				slow(t)
			}
			data := testdata(t, tc.private)
			public, err := ParsePublic(testdata(t, tc.public))
			require.NoError(t, err)
			require.Len(t, public, 1)

			info, err := Inspect(data)
			require.NoError(t, err)
			require.Equal(t, tc.encrypted, info.Encrypted)
			if tc.encrypted {
				_, err = ParsePrivate(data, nil)
				require.ErrorIs(t, err, ErrPassphraseNeeded)
			}
			if tc.encrypted && tc.private != "minisign-encrypted.key" { // slow: see TestWrongMinisignPassphrase
				_, err = ParsePrivate(data, []byte("wrong"))
				require.ErrorIs(t, err, ErrPassphrase)
			}
			k, err := ParsePrivate(data, []byte(testPassphrase))
			require.NoError(t, err)
			require.Equal(t, public[0], k.Public(), "including the minisign id")

			if tc.private == "minisign-encrypted.key" {
				return
			}
			dos := bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
			k, err = ParsePrivate(dos, []byte(testPassphrase))
			require.NoError(t, err, "a file edited on Windows is the same key")
			require.Equal(t, public[0], k.Public())
		})
	}
}

func TestReadsCosignKeys(t *testing.T) {
	race.Skip(t, "key derivation, in one goroutine")
	k := rfcKey(t)
	der, err := x509.MarshalPKCS8PrivateKey(k.secret().key)
	require.NoError(t, err)
	for name, level := range map[string]encrypted.KDFParameterStrength{"legacy": encrypted.Legacy, "standard": encrypted.Standard, "owasp": encrypted.OWASP} {
		for _, kind := range []string{"ENCRYPTED COSIGN PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY"} {
			t.Run(name+" "+kind, func(t *testing.T) {
				sealed, err := encrypted.EncryptWithCustomKDFParameters(der, []byte(testPassphrase), level)
				require.NoError(t, err)
				back, err := ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: sealed}), []byte(testPassphrase))
				require.NoError(t, err)
				require.True(t, back.equal(k))
			})
		}
	}
	// cosign writes such keys when COSIGN_PASSWORD is empty.
	sealed, err := encrypted.Encrypt(der, []byte{})
	require.NoError(t, err)
	_, err = ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: sealed}), []byte{})
	require.NoError(t, err)
}

func TestReadsRFC8410Version2(t *testing.T) {
	k, err := ParsePrivate(testdata(t, "rfc8410-v2.pem"), nil)
	require.NoError(t, err)
	// RFC 8410 §10.1 gives the public half.
	public, err := ParsePublic([]byte("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"))
	require.NoError(t, err)
	require.Equal(t, public[0], k.Public())
}

func TestRefusesOtherKinds(t *testing.T) {
	race.Skip(t, "key derivation, in one goroutine")
	for name, says := range map[string]string{
		"rsa.pem": "an RSA key", "rsa-pkcs1.pem": "an RSA key", "ec.pem": "an ECDSA key", "ec-sec1.pem": "an EC key",
		"dsa.pem": "a DSA key", "x25519.pem": "an X25519 key", "ed448.pem": "an Ed448 key",
		"openssh-rsa": "an RSA key", "openssh-ecdsa": "an ECDSA key",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePrivate(testdata(t, name), nil)
			require.ErrorIs(t, err, ErrNotEd25519)
			require.ErrorContains(t, err, says)
		})
	}
	t.Run("encrypted RSA", func(t *testing.T) {
		block, _ := pem.Decode(testdata(t, "rsa.pem"))
		for kind, seal := range map[string]func(_, _ []byte) ([]byte, error){
			"ENCRYPTED PRIVATE KEY": sealPKCS8, "ENCRYPTED SIGSTORE PRIVATE KEY": encrypted.Encrypt,
		} {
			sealed, err := seal(block.Bytes, []byte(testPassphrase))
			require.NoError(t, err)
			_, err = ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: sealed}), []byte(testPassphrase))
			require.ErrorIs(t, err, ErrNotEd25519)
		}
	})
}

// Formats that contain the public half, with that half changed. A signature with
// such a key would reveal it.
func TestRefusesMismatchedHalves(t *testing.T) {
	race.Skip(t, "key derivation, in one goroutine")
	t.Run("pkcs8 version 2", func(t *testing.T) {
		block, _ := pem.Decode(testdata(t, "rfc8410-v2.pem"))
		block.Bytes[len(block.Bytes)-1] ^= 1
		_, err := ParsePrivate(pem.EncodeToMemory(block), nil)
		require.ErrorIs(t, err, ErrKeyMismatch)

		sealed, err := sealPKCS8(block.Bytes, []byte(testPassphrase))
		require.NoError(t, err)
		_, err = ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: sealed}), []byte(testPassphrase))
		require.ErrorIs(t, err, ErrKeyMismatch)
	})
	t.Run("openssh", func(t *testing.T) {
		k := rfcKey(t)
		other := testKey2(t)
		block, _ := pem.Decode(testdata(t, "openssh"))
		whole, err := ParsePrivate(pem.EncodeToMemory(block), nil)
		require.NoError(t, err)
		half := whole.Public().Bytes()
		require.Equal(t, 3, bytes.Count(block.Bytes, half), "outside, inside, and after the seed")

		// After the seed: crypto/ed25519 would sign with it.
		last := bytes.LastIndex(block.Bytes, half)
		changed := bytes.Clone(block.Bytes)
		copy(changed[last:], k.Public().Bytes())
		_, err = ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: changed}), nil)
		require.ErrorIs(t, err, ErrKeyMismatch)

		// All three, so that only the derived half differs.
		changed = bytes.ReplaceAll(block.Bytes, half, other.Public().Bytes())
		_, err = ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: changed}), nil)
		require.ErrorIs(t, err, ErrKeyMismatch)

		// The outer one only, which ssh-keygen -y prints.
		changed = bytes.Replace(block.Bytes, half, other.Public().Bytes(), 1)
		_, err = ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: changed}), nil)
		require.ErrorIs(t, err, ErrKeyMismatch)

		broken := ed25519.PrivateKey(bytes.Clone(k.secret().key))
		copy(broken[32:], other.Public().Bytes())
		sealed, err := ssh.MarshalPrivateKeyWithPassphrase(broken, "", []byte(testPassphrase))
		require.NoError(t, err)
		_, err = ParsePrivate(pem.EncodeToMemory(sealed), []byte(testPassphrase))
		require.ErrorIs(t, err, ErrKeyMismatch)
	})
	t.Run("minisign", func(t *testing.T) {
		raw, err := minisignLine(testdata(t, "minisign.key"))
		require.NoError(t, err)
		raw[minisignKeyAt+32] ^= 1
		_, err = ParsePrivate(minisignFile(raw), nil)
		require.ErrorIs(t, err, ErrKeyMismatch)

		broken := rfcKey(t)
		copy(broken.secret().key[32:], testKey2(t).Public().Bytes())
		_, err = ParsePrivate(cheapMinisign(t, broken), []byte(testPassphrase))
		require.ErrorIs(t, err, ErrKeyMismatch)
	})
}

// slow skips a test with -short, which is used with the race detector.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT PROVEN: minisign's scrypt takes 1 GiB and seconds: run without -short")
	}
}

func testKey2(t testing.TB) *PrivateKey {
	k, err := Generate(strings.NewReader(strings.Repeat("2", 32)))
	require.NoError(t, err)
	return k
}

// A file with absurd costs is rejected before any work is done (DoS). Each differs
// from a valid file in the costs alone.
func TestBoundsCosts(t *testing.T) {
	race.Skip(t, "key derivation, in one goroutine")
	t.Run("PBKDF2", func(t *testing.T) {
		_, err := ParsePrivate(testdata(t, "openssl-slow.pem"), []byte(testPassphrase))
		require.ErrorIs(t, err, ErrUnsupported)
	})
	t.Run("scrypt in PKCS#8", func(t *testing.T) {
		block, _ := pem.Decode(testdata(t, "openssl-scrypt.pem"))
		cost := []byte{0x02, 0x02, 0x40, 0x00, 0x02, 0x01, 0x08, 0x02, 0x01, 0x01} // N=16384 r=8 p=1
		require.Equal(t, 1, bytes.Count(block.Bytes, cost))
		for name, changed := range map[string][]byte{
			"p":    {0x02, 0x02, 0x40, 0x00, 0x02, 0x01, 0x08, 0x02, 0x01, 0x7f},
			"0":    {0x02, 0x02, 0x40, 0x00, 0x02, 0x01, 0x08, 0x02, 0x01, 0x00},
			"no r": {0x02, 0x02, 0x40, 0x00, 0x02, 0x01, 0x00, 0x02, 0x01, 0x01},
			"-N":   {0x02, 0x02, 0x80, 0x00, 0x02, 0x01, 0x08, 0x02, 0x01, 0x01},
		} {
			der := bytes.Replace(block.Bytes, cost, changed, 1)
			_, err := ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: der}), []byte(testPassphrase))
			require.ErrorIs(t, err, ErrUnsupported, name)
		}
		// Memory besides 128·N·r: 9 GiB with r=2^22 and p=16.
		for name, costs := range map[string][3]int64{
			"r": {2, 1 << 22, 1}, "r and p": {2, 1 << 22, 16}, "work": {1 << 20, 8, 16}, "N": {1 << 24, 8, 1},
			"limit of r": {2, maxScryptBlock + 1, 1},
		} {
			var b cryptobyte.Builder
			for _, cost := range costs {
				b.AddASN1Int64(cost)
			}
			_, err := deriveScrypt(b.BytesOrPanic(), []byte("salt"), []byte(testPassphrase), 32)
			require.ErrorIs(t, err, ErrUnsupported, name)
		}
		// N=2^30 has a longer encoding.
		big := bytes.Replace(block.Bytes, cost, []byte{0x02, 0x04, 0x40, 0x00, 0x00, 0x00, 0x02, 0x01, 0x08, 0x02, 0x01, 0x01}, 1)
		lengthen(big, 2)
		_, err := ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: big}), []byte(testPassphrase))
		require.ErrorIs(t, err, ErrUnsupported)
	})
	t.Run("scrypt in sigstore", func(t *testing.T) {
		data, err := FormatEncrypted(rfcKey(t), Sigstore, []byte(testPassphrase))
		require.NoError(t, err)
		block, _ := pem.Decode(data)
		for _, change := range [][2]string{{`"N":65536`, `"N":1073741824`}, {`"r":8`, `"r":8000`}, {`"p":1`, `"p":1000`}, {`"N":65536`, `"N":0`}} {
			body := bytes.Replace(block.Bytes, []byte(change[0]), []byte(change[1]), 1)
			require.NotEqual(t, block.Bytes, body)
			_, err := ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: body}), []byte(testPassphrase))
			require.ErrorIs(t, err, ErrUnsupported, change[1])
		}
	})
	t.Run("bcrypt", func(t *testing.T) {
		block, _ := pem.Decode(testdata(t, "openssh-encrypted"))
		at := bytes.Index(block.Bytes, []byte{0, 0, 0, 16, 0, 0, 0}) // rounds, then NumKeys
		require.Positive(t, at)
		rounds := bytes.Index(block.Bytes, []byte("bcrypt")) + 6 + 4 + 4 + 16
		binary.BigEndian.PutUint32(block.Bytes[rounds:], 1<<30)
		_, err := ParsePrivate(pem.EncodeToMemory(block), []byte(testPassphrase))
		require.ErrorIs(t, err, ErrUnsupported)
	})
	t.Run("scrypt in minisign", func(t *testing.T) {
		raw, err := minisignLine(testdata(t, "minisign-encrypted.key"))
		require.NoError(t, err)
		binary.LittleEndian.PutUint64(raw[46:], 1<<50)
		_, err = ParsePrivate(minisignFile(raw), []byte(testPassphrase))
		require.ErrorIs(t, err, ErrPassphrase)
	})
}

func TestKeyLengthIsThatOfTheCipher(t *testing.T) {
	for length, want := range map[int64]error{32: nil, 16: ErrMalformed} {
		var b cryptobyte.Builder
		b.AddASN1Int64(2) // iterations
		b.AddASN1Int64(length)
		_, err := derivePBKDF2(b.BytesOrPanic(), []byte("salt"), []byte(testPassphrase), 32)
		require.ErrorIs(t, err, want)
	}
}

// lengthen adds n to the DER lengths that enclose the scrypt parameters.
func lengthen(der []byte, n byte) {
	kdf := bytes.Index(der, []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b}) // OID of scrypt
	der[kdf+9+1] += n                                                                     // its parameters
	der[kdf-3] += n                                                                       // KDF
	der[kdf-5] += n                                                                       // PBES2 parameters
	der[kdf-5-13] += n                                                                    // AlgorithmIdentifier
	der[2] += n                                                                           // all
}

func TestRefusesUnsound(t *testing.T) {
	race.Skip(t, "key derivation, in one goroutine")
	good := string(testdata(t, "openssl.pem"))
	sealed := testdata(t, "openssl-pbkdf2.pem")
	k, err := ParsePrivate([]byte(good), nil)
	require.NoError(t, err)
	sigstore, err := FormatEncrypted(k, Sigstore, []byte(testPassphrase))
	require.NoError(t, err)
	block, _ := pem.Decode(sigstore)
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(block.Bytes, &fields))
	fields["cipher"] = json.RawMessage(`{"name":"rot13","nonce":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`)
	rot13, err := json.Marshal(fields)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(block.Bytes, &fields))
	fields["kdf"] = bytes.Replace(fields["kdf"], []byte("scrypt"), []byte("argon2"), 1)
	argon2, err := json.Marshal(fields)
	require.NoError(t, err)
	plain, _ := pem.Decode([]byte(good))
	// What a wrong passphrase decrypts to if the padding is valid by chance.
	noise, err := sealPKCS8([]byte("noise"), []byte(testPassphrase))
	require.NoError(t, err)

	version3 := bytes.Clone(plain.Bytes)
	version3[4] = 2
	public, _ := pem.Decode(testdata(t, "rfc8410-v2.pem"))
	unused := public.Bytes
	unused[len(unused)-33] = 1 // in the bit string of the public half
	// A changed block of the seed shows in the padding alone.
	changed, err := sealPKCS8(plain.Bytes, []byte(testPassphrase))
	require.NoError(t, err)
	changed[len(changed)-32] ^= 1

	for name, tc := range map[string]struct {
		data string
		err  error
	}{
		"empty":                   {"", ErrMalformed},
		"blank":                   {" \n", ErrMalformed},
		"too large":               {good + strings.Repeat("\n", MaxFile), ErrMalformed},
		"two keys":                {good + good, ErrMalformed},
		"a damaged key before":    {strings.Replace(good, "\nM", "\n!", 1) + good, ErrMalformed},
		"text after":              {good + "x", ErrMalformed},
		"text before":             {"x\n" + good, ErrMalformed},
		"not PEM":                 {"hunter2hunter2", ErrMalformed},
		"public and private":      {string(testdata(t, "openssl.pub")) + good, ErrMalformed},
		"another PEM":             {strings.ReplaceAll(good, "PRIVATE KEY", "X509 CRL"), ErrMalformed},
		"DER cut":                 {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: plain.Bytes[:40]})), ErrMalformed},
		"DER with more":           {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: append(bytes.Clone(plain.Bytes), 0)})), ErrMalformed},
		"ciphertext as plain":     {strings.ReplaceAll(string(sealed), "ENCRYPTED PRIVATE", "PRIVATE"), ErrMalformed},
		"plain as ciphertext":     {strings.ReplaceAll(good, "PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY"), ErrMalformed},
		"noise inside":            {string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: noise})), ErrPassphrase},
		"changed ciphertext":      {string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: changed})), ErrPassphrase},
		"triple DES":              {string(testdata(t, "openssl-des3.pem")), ErrUnsupported},
		"another cipher":          {string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: rot13})), ErrUnsupported},
		"another KDF":             {string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: argon2})), ErrUnsupported},
		"PKCS#8 version 3":        {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: version3})), ErrMalformed},
		"unused bits":             {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: unused})), ErrMalformed},
		"public PEM":              {string(testdata(t, "openssl.pub")), ErrNotPrivate},
		"public PEM twice":        {strings.Repeat(string(testdata(t, "openssl.pub")), 2), ErrNotPrivate},
		"public RSA PEM":          {string(testdata(t, "rsa.pub")), ErrNotPrivate},
		"public OpenSSH":          {string(testdata(t, "openssh.pub")), ErrNotPrivate},
		"public minisign":         {string(testdata(t, "minisign.pub")), ErrNotPrivate},
		"public base64":           {string(testdata(t, "rfc8032-base64.golden")), ErrNotPrivate},
		"public raw":              {string(testdata(t, "rfc8032-raw.golden")), ErrNotPrivate},
		"minisign without a line": {minisignComment, ErrMalformed},
		"minisign, two lines":     {strings.Replace(string(testdata(t, "minisign.key")), "AAAA", "AA\nAA", 1), ErrMalformed},
		"minisign, loose bits":    {strings.Replace(string(testdata(t, "minisign.key")), "AAA=", "AAB=", 1), ErrMalformed},
		"minisign, another sum":   {minisignWith(t, 4, "B3"), ErrUnsupported},
		"minisign, another kind":  {minisignWith(t, 0, "ED"), ErrUnsupported},
		"minisign cut":            {string(testdata(t, "minisign.key")[:200]), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePrivate([]byte(tc.data), []byte(testPassphrase))
			require.ErrorIs(t, err, tc.err)
		})
	}
}

// An OpenSSH key is rejected before the user types a passphrase.
func TestRefusesOpenSSHBeforePassphrase(t *testing.T) {
	block, _ := pem.Decode(testdata(t, "openssh-encrypted"))
	type clear struct {
		Cipher, KDF, Options string
		Keys                 uint32
		Public, Private      []byte
	}
	for name, tc := range map[string]struct {
		change func(*clear)
		err    error
	}{
		"unchanged":      {func(*clear) {}, nil},
		"two keys":       {func(c *clear) { c.Keys = 2 }, ErrMalformed},
		"another cipher": {func(c *clear) { c.Cipher = "aes128-gcm@openssh.com" }, ErrUnsupported},
		"another KDF":    {func(c *clear) { c.KDF = "argon2" }, ErrUnsupported},
		"half encrypted": {func(c *clear) { c.Cipher = "none" }, ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			var c clear
			require.NoError(t, ssh.Unmarshal(block.Bytes[len(openSSHMagic):], &c))
			tc.change(&c)
			data := pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: append([]byte(openSSHMagic), ssh.Marshal(c)...)})
			_, err := Inspect(data)
			require.ErrorIs(t, err, tc.err)
			_, err = ParsePrivate(data, nil)
			require.ErrorIs(t, err, cmp.Or(tc.err, ErrPassphraseNeeded))
		})
	}
}
