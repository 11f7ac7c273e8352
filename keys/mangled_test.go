// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
)

// body is the base64 of a PEM file on one line.
func body(data []byte) string {
	var lines []string
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "-----") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "")
}

// A key is given where the name of a file, of a variable or of an agent's key
// belongs.
func TestE13_KeyAsNameIsNotQuoted(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	seed := rfcKey(t).secret().key.Seed()
	whole := rfcKey(t).secret().key
	minisign := strings.Split(string(testdata(t, "minisign-encrypted.key")), "\n")
	for name, key := range map[string]string{
		"PKCS#8":               body(testdata(t, "openssl.pem")),
		"PKCS#8, version 2":    body(testdata(t, "rfc8410-v2.pem")),
		"PKCS#8, cut":          body(testdata(t, "openssl.pem"))[:50],
		"PKCS#8, encrypted":    body(testdata(t, "openssl-pbkdf2.pem")),
		"PKCS#8, in quotes":    `"` + body(testdata(t, "openssl.pem")) + `"`,
		"OpenSSH":              body(testdata(t, "openssh")),
		"minisign":             minisign[1],
		"minisign, one line":   minisign[0] + " " + minisign[1],
		"PEM":                  string(testdata(t, "openssl.pem")),
		"PEM, escaped":         strings.ReplaceAll(string(testdata(t, "openssl.pem")), "\n", `\n`),
		"PEM, spaces":          strings.ReplaceAll(string(testdata(t, "openssl.pem")), "\n", " "),
		"PEM in base64":        base64.StdEncoding.EncodeToString(testdata(t, "openssl.pem")),
		"two lines":            "a-key-of-an-unknown-kind\nand-its-second-line",
		"seed":                 base64.StdEncoding.EncodeToString(seed),
		"seed, URL":            base64.RawURLEncoding.EncodeToString(seed),
		"seed, hex":            hex.EncodeToString(seed),
		"seed and public half": base64.StdEncoding.EncodeToString(whole),
		"a seed that begins /": "/" + base64.StdEncoding.EncodeToString(seed)[1:],
	} {
		t.Run(name, func(t *testing.T) {
			for i, ref := range []string{key, "env:" + key, "ssh-agent:" + key, "ssh-agent:SHA256:" + key, " " + key, "env: " + key} {
				_, _, err := Resolve(t.Context(), ref, Options{})
				require.Error(t, err)
				requireNoQuote(t, err, []byte(key), nil, ref, i)
				if !strings.Contains(name, "seed") {
					require.ErrorIs(t, err, ErrIsKey)
				}
			}
			_, err := ReadFile(key)
			require.Error(t, err)
			requireNoQuote(t, err, []byte(key), nil, name, 0)
			if !strings.Contains(name, "seed") {
				require.ErrorIs(t, err, ErrIsKey)
			}
		})
	}
}

// What is not quoted is a name that is a key, not every name.
func TestE13_NamesAreQuoted(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	dir := t.TempDir()
	for ref, says := range map[string]string{
		"env:release_key":                     `environment variable "release_key" is not set`,
		"env:RELEASE-KEY":                     "the environment variable after env: is not set",
		filepath.Join(dir, "none.key"):        "none.key: no such file",
		"ssh-agent:SHA256:x":                  "SSH_AUTH_SOCK",
		"ssh-agent:MD5:aa:bb":                 "expected ssh-agent:SHA256:",
		filepath.Join(dir, "release key.key"): "release key.key",
	} {
		_, _, err := Resolve(t.Context(), ref, Options{})
		require.ErrorContains(t, err, says)
	}
	// A file may have the name of its hash.
	path := filepath.Join(dir, strings.Repeat("0123456789abcdef", 4))
	require.NoError(t, os.WriteFile(path, testdata(t, "openssl.pem"), 0o600))
	t.Chdir(dir)
	_, _, err := Resolve(t.Context(), filepath.Base(path), Options{})
	require.NoError(t, err)
	_, err = ReadFile(strings.Repeat("fedcba9876543210", 4))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "the name is not shown")
}

// A public key in place of its file is not said to be an exposed private key.
func TestE13_PublicKeyAsName(t *testing.T) {
	for _, name := range []string{"openssl.pub", "openssh.pub", "minisign.pub"} {
		_, err := ReadFile(string(testdata(t, name)))
		require.ErrorIs(t, err, errIsPublic)
	}
	for _, name := range []string{"rfc8032-base64.golden", "openssh.pub", "minisign.pub"} {
		text := strings.TrimSpace(string(testdata(t, name)))
		text = text[strings.LastIndex(text, "\n")+1:]
		_, err := ReadFile(text)
		require.ErrorIs(t, err, os.ErrNotExist)
		require.ErrorContains(t, err, "looks like a key")
		requireNoQuote(t, err, []byte(text), nil, name, 0)
	}
}

// mangled are the ways in which editors and build services change a text file,
// that do not lose anything.
var mangled = map[string]func(string) string{
	"unchanged":          func(s string) string { return s },
	"BOM":                func(s string) string { return "\xef\xbb\xbf" + s },
	"BOM and CRLF":       func(s string) string { return "\xef\xbb\xbf" + strings.ReplaceAll(s, "\n", "\r\n") },
	"CRLF":               func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"CR":                 func(s string) string { return strings.ReplaceAll(s, "\n", "\r") },
	"escaped":            func(s string) string { return strings.ReplaceAll(s, "\n", `\n`) },
	"escaped, one break": func(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", `\n`) + "\n" },
	"escaped CRLF":       func(s string) string { return strings.ReplaceAll(s, "\n", `\r\n`) },
	"BOM and escaped":    func(s string) string { return "\xef\xbb\xbf" + strings.ReplaceAll(s, "\n", `\n`) },
	"spaces":             func(s string) string { return strings.ReplaceAll(s, "\n", " ") },
	"no trailing break":  strings.TrimSpace,
	"trailing blanks":    func(s string) string { return s + " \t\r\n\n" },
	"blanks on lines":    func(s string) string { return strings.ReplaceAll(s, "\n", "  \n") },
}

func TestE14_MangledPrivateKeys(t *testing.T) {
	race.Skip(t, "key derivation, in one goroutine")
	files := map[string][]byte{"cheap minisign": cheapMinisign(t, rfcKey(t))}
	for _, name := range []string{"openssl.pem", "openssl-pbkdf2.pem", "openssl-scrypt.pem", "openssh", "openssh-encrypted", "minisign.key"} {
		files[name] = testdata(t, name)
	}
	for name, data := range files {
		want, err := ParsePrivate(data, []byte(testPassphrase))
		require.NoError(t, err)
		for how, mangle := range mangled {
			t.Run(name+", "+how, func(t *testing.T) {
				text := mangle(string(data))
				path := filepath.Join(t.TempDir(), "key")
				require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
				t.Setenv("TEST_MANGLED_KEY", text)
				o := Options{Passphrase: func(context.Context, string) ([]byte, error) { return []byte(testPassphrase), nil }}
				for _, ref := range []string{path, "env:TEST_MANGLED_KEY"} {
					_, key, err := Resolve(t.Context(), ref, o)
					require.NoError(t, err)
					require.Equal(t, want.Public().Key, key)
				}
			})
		}
	}
}

func TestE14_MangledPublicKeys(t *testing.T) {
	for _, name := range []string{"openssl.pub", "openssh.pub", "minisign.pub", "rfc8032-base64.golden", "rfc8032-pem.golden"} {
		data := testdata(t, name)
		want, err := ParsePublic(data)
		require.NoError(t, err)
		for how, mangle := range mangled {
			if !bytes.HasPrefix(data, []byte("-----")) && !bytes.HasPrefix(data, []byte(minisignComment)) && strings.Contains(how, "escaped") {
				continue // these are one line
			}
			got, err := ParsePublic([]byte(mangle(string(data))))
			require.NoError(t, err, "%s, %s", name, how)
			require.Equal(t, want, got)
		}
	}
	two := string(testdata(t, "openssl.pub")) + string(testdata(t, "rfc8032-pem.golden"))
	for how, mangle := range mangled {
		got, err := ParsePublic([]byte(mangle(two)))
		require.NoError(t, err, how)
		require.Len(t, got, 2)
	}
	// A raw key is not text, whatever it begins with.
	for _, start := range []string{"\xff\xfe", "\xef\xbb\xbf", "a\x00b\x00", `"`} {
		raw := append([]byte(start), make([]byte, 32-len(start))...)
		cleaned, err := clean(raw)
		require.NoError(t, err)
		require.Equal(t, raw, cleaned)
	}
}

// toUTF16 encodes s as Windows does, with the order of bytes and mark given.
func toUTF16(s string, big, mark bool) string {
	units := utf16.Encode([]rune(s))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	var b strings.Builder
	for _, u := range units {
		low, high := byte(u), byte(u>>8)
		if big {
			low, high = high, low
		}
		b.Write([]byte{low, high})
	}
	return b.String()
}

func TestE14_ErrorsNameTheMangling(t *testing.T) {
	key, public := string(testdata(t, "openssl.pem")), string(testdata(t, "openssl.pub"))
	minisign := string(testdata(t, "minisign-encrypted.key"))
	_, line, _ := strings.Cut(minisign, "\n")
	for name, tc := range map[string]struct{ text, says string }{
		"UTF-16":                  {toUTF16(key, false, true), "UTF-16"},
		"UTF-16, big-endian":      {toUTF16(key, true, true), "UTF-16"},
		"UTF-16, no mark":         {toUTF16(key, false, false), "UTF-16"},
		"UTF-16, big, no mark":    {toUTF16(key, true, false), "UTF-16"},
		"UTF-16, public":          {toUTF16(public, false, true), "UTF-16"},
		"double quotes":           {`"` + key + `"` + "\n", "quotation marks"},
		"single quotes":           {`'` + key + `'`, "quotation marks"},
		"quotes, escaped":         {`"` + strings.ReplaceAll(key, "\n", `\n`) + `"`, "quotation marks"},
		"quotes, public":          {`"` + public + `"`, "quotation marks"},
		"escaped twice":           {strings.ReplaceAll(key, "\n", `\\n`), `written as \n`},
		"escaped and broken":      {strings.Replace(key, "\n", `\n`, 1), `written as \n`},
		"base64":                  {base64.StdEncoding.EncodeToString([]byte(key)), "base64 of a key file"},
		"base64 in lines":         {base64.StdEncoding.EncodeToString([]byte(key))[:76] + "\n" + base64.StdEncoding.EncodeToString([]byte(key))[76:], "base64 of a key file"},
		"base64 of minisign":      {base64.StdEncoding.EncodeToString([]byte(minisign)), "base64 of a key file"},
		"base64 of public":        {base64.StdEncoding.EncodeToString([]byte(public)), "base64 of a key file"},
		"without BEGIN":           {body([]byte(key)), "BEGIN and END are missing"},
		"minisign without line 1": {line, "first line of a minisign key"},
		"BOM alone":               {"\xef\xbb\xbf\n", "empty"},
		"a passphrase":            {"correct horse", "neither PEM nor minisign"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePrivate([]byte(tc.text), []byte(testPassphrase))
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, tc.says)
			requireNoQuote(t, err, []byte(tc.text), nil, name, 0)
			requireNoQuote(t, err, []byte(key), nil, name, 0)
			_, err = ParsePublic([]byte(tc.text))
			require.Error(t, err)
			requireNoQuote(t, err, []byte(tc.text), nil, name, 1)
			if strings.Contains(name, "public") {
				require.ErrorContains(t, err, tc.says)
			}
		})
	}
	_, err := ParsePublic([]byte(body([]byte(key))))
	require.ErrorIs(t, err, ErrNotPublic, "a private key without BEGIN")
}

func TestE14_MinisignKeyWithEmptyPassphrase(t *testing.T) {
	sealed := cheapMinisignWith(t, rfcKey(t), "")
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, sealed, 0o600))
	answer := func(passphrase string) Options {
		return Options{Passphrase: func(context.Context, string) ([]byte, error) { return []byte(passphrase), nil }}
	}
	_, key, err := Resolve(t.Context(), path, answer(""))
	require.NoError(t, err)
	require.Equal(t, rfcKey(t).Public().Key, key)
	_, _, err = Resolve(t.Context(), path, answer("x"))
	require.ErrorIs(t, err, ErrPassphrase)
	require.NotContains(t, err.Error(), "empty")
	_, _, err = Resolve(t.Context(), path, Options{})
	require.ErrorIs(t, err, ErrPassphraseNeeded, "no answer is not an empty one")

	require.NoError(t, os.WriteFile(path, cheapMinisign(t, rfcKey(t)), 0o600))
	_, _, err = Resolve(t.Context(), path, answer(""))
	require.ErrorIs(t, err, ErrPassphrase)
	require.ErrorContains(t, err, "the passphrase is empty")
}

// Of two keys in one line none is chosen: the other one would be lost in silence.
func TestE14_SeveralMinisignKeysInOneLine(t *testing.T) {
	const comment = "untrusted comment: x "
	one := "RW" + strings.Repeat("A", 54)
	for name, text := range map[string]string{
		"two files": comment + one + " " + comment + one,
		"two keys":  comment + one + " " + one,
		"escaped":   comment[:len(comment)-1] + `\n` + one + `\n` + comment + one,
	} {
		cleaned, err := clean([]byte(text))
		require.NoError(t, err, name)
		require.Equal(t, text, string(cleaned), "%s: it is not repaired", name)
		_, err = ParsePublic([]byte(text))
		require.Error(t, err, name)
		_, err = ParsePrivate([]byte(text), nil)
		require.Error(t, err, name)
	}
	cleaned, err := clean([]byte(comment + one))
	require.NoError(t, err)
	require.Equal(t, comment[:len(comment)-1]+"\n"+one, string(cleaned))
}
