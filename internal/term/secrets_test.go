// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// The first half is the header of every such key; the secret is the second.
const pkcs8 = "MC4CAQAwBQYDK2VwBCIEI" + "BzBmtgweZ9GK4+eJc+EE8fyXGKIG4YkWfokcr5mXXXX"

var (
	seed    = []byte("\xfb0123456789 a seed of 32 bytes..")
	seedB64 = base64.StdEncoding.EncodeToString(seed)
)

// Flags for the source of a passphrase, with a key instead.
func TestE13_KeyAsPassphraseSourceIsNotQuoted(t *testing.T) {
	for _, secret := range []string{
		pkcs8, seedB64, "/" + seedB64[1:], hex.EncodeToString(seed), strings.ToUpper(hex.EncodeToString(seed)),
		"/etc/" + pkcs8, "correct horse", "-----BEGIN PRIVATE KEY-----\n" + pkcs8 + "\n-----END PRIVATE KEY-----\n",
	} {
		for _, flag := range []string{"--passphrase-env=", "--passphrase-file="} {
			var stderr bytes.Buffer
			c := NewConsole("tool", strings.NewReader(""), nil, &stderr)
			_, err := source(t, flag+secret).Known(context.Background(), c, "k")
			require.Error(t, err)
			require.ErrorContains(t, err, strings.TrimSuffix(flag, "="), "the flag is named")
			for at := 0; at+8 <= len(secret); at++ {
				if part := secret[at : at+8]; secret != "correct horse" && !strings.Contains("-----BEGIN PRIVATE KEY-----", part) {
					require.NotContains(t, err.Error(), part)
				}
			}
			require.NotContains(t, err.Error(), secret)
		}
	}
	_, err := source(t, "--passphrase-file=/none/pass").Known(context.Background(), NewConsole("tool", nil, nil, nil), "k")
	require.ErrorContains(t, err, "/none/pass", "a path is quoted")
}

// No line of a console shows a private key, wherever it was given.
func TestE13_NoMessageShowsAKey(t *testing.T) {
	var stderr bytes.Buffer
	c := NewConsole("tool", nil, nil, &stderr)
	c.Fail(WithHint(errors.New("opening "+pkcs8+": no such file"), "try "+pkcs8))
	c.Warning(pkcs8)
	c.Hint("RWRTY0Iy" + pkcs8[21:])
	require.Equal(t, 4, strings.Count(stderr.String(), "message not shown"))
	require.NotContains(t, stderr.String(), pkcs8[21:])

	stderr.Reset()
	c.Warning("key 06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9 of release.key")
	require.Contains(t, stderr.String(), "06e3fd8f", "fingerprints are shown")
}

type picky struct{}

func (picky) Set(string) error { return errors.New("given twice") }
func (picky) String() string   { return "" }
func (picky) Type() string     { return "string" }

// The flag parser quotes what a flag refuses.
func TestE13_RefusedFlagValueIsNotQuoted(t *testing.T) {
	for value, quoted := range map[string]bool{seedB64: false, hex.EncodeToString(seed): false, pkcs8: false, "release.key": true} {
		var out, stderr bytes.Buffer
		c := NewConsole("tool", strings.NewReader(""), &out, &stderr)
		root := NewRoot("tool", "A tool", "A tool.")
		sub := &cobra.Command{Use: "sub", Short: "Sub", RunE: func(*cobra.Command, []string) error { return nil }}
		sub.Flags().Var(picky{}, "key", "")
		root.AddCommand(sub)
		require.Equal(t, ExitMisuse, c.Execute(t.Context(), root, []string{"sub", "--key", value}))
		require.Contains(t, stderr.String(), `"--key" flag: given twice`)
		require.Equal(t, quoted, strings.Contains(stderr.String(), value), stderr.String())
		require.Contains(t, stderr.String(), "hint: see tool sub --help")
	}
}

// Nor does the reason quote it, which a flag of another kind gives.
func TestE13_ReasonOfARefusedFlagIsNotQuoted(t *testing.T) {
	for value, quoted := range map[string]bool{hex.EncodeToString(seed): false, "many": true} {
		var stderr bytes.Buffer
		c := NewConsole("tool", strings.NewReader(""), &bytes.Buffer{}, &stderr)
		root := NewRoot("tool", "A tool", "A tool.")
		root.RunE = func(*cobra.Command, []string) error { return nil }
		root.Flags().Int("threshold", 1, "")
		require.Equal(t, ExitMisuse, c.Execute(t.Context(), root, []string{"--threshold", value}))
		require.Contains(t, stderr.String(), `"--threshold" flag`)
		require.Equal(t, quoted, strings.Contains(stderr.String(), value), stderr.String())
	}
}

func TestE14_PassphraseText(t *testing.T) {
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "p")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return "--passphrase-file=" + path
	}
	for name, tc := range map[string]struct{ text, env, file string }{
		"LF":                 {"secret\n", "secret", "secret"},
		"CRLF":               {"secret\r\n", "secret", "secret"},
		"CR":                 {"secret\r", "secret", "secret"},
		"two line breaks":    {"secret\n\n", "secret\n", "secret"},
		"BOM":                {"\xef\xbb\xbfsecret", "secret", "secret"},
		"BOM and CRLF":       {"\xef\xbb\xbfsecret\r\n", "secret", "secret"},
		"two lines":          {"one\ntwo\n", "one\ntwo", "one"},
		"spaces stay":        {" se cret \n", " se cret ", " se cret "},
		"escaped break":      {`secret\n`, `secret\n`, `secret\n`}, // may be part of it
		"quotes":             {`"secret"`, `"secret"`, `"secret"`}, // so may these
		"empty":              {"", "", ""},
		"empty line":         {"\n", "", ""},
		"BOM alone":          {"\xef\xbb\xbf", "", ""},
		"empty, then a word": {"\nsecret", "\nsecret", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TEST_PASSPHRASE", tc.text)
			for arg, want := range map[string]string{"--passphrase-env=TEST_PASSPHRASE": tc.env, file(tc.text): tc.file} {
				var stderr bytes.Buffer
				c := NewConsole("tool", strings.NewReader("never read\n"), nil, &stderr)
				got, err := source(t, arg).Known(context.Background(), c, "k")
				require.NoError(t, err)
				require.Equal(t, want, string(got))
				require.NotNil(t, got, "nil means unknown, and set but empty is an answer")

				got, err = source(t, arg).New(context.Background(), c, "k")
				if want == "" {
					require.ErrorIs(t, err, errNoPassphrase, "a new key gets no empty passphrase")
					continue
				}
				require.NoError(t, err)
				require.Equal(t, want, string(got))
			}
		})
	}
	for _, text := range []string{"\xff\xfes\x00e\x00c\x00r\x00e\x00t\x00\r\x00\n\x00", "\xfe\xff\x00s\x00e\x00c\x00r\x00e\x00t"} {
		_, err := source(t, file(text)).Known(context.Background(), NewConsole("tool", nil, nil, nil), "k")
		require.ErrorIs(t, err, errUTF16)
		require.NotContains(t, err.Error(), "s\x00e")
	}
	got, err := source(t, "--passphrase-file="+os.DevNull).Known(context.Background(), NewConsole("tool", nil, nil, nil), "k")
	require.NoError(t, err)
	require.NotNil(t, got)
}

func TestTypedLine(t *testing.T) {
	for name, tc := range map[string]struct {
		text, want string
		windows    bool
	}{
		"line":            {"secret\nmore", "secret", false},
		"carriage return": {"secret\r\n", "secret\r", false}, // the terminal has turned Enter's into a line break
		"Windows":         {"secret\rmore", "secret", true},
		"Windows, rest":   {"\nsecret\r", "secret", true},
		"backspace":       {"\bsecx\bret\n", "secret", false},
		"end of input":    {"secret", "secret", false},
		"empty":           {"\n", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := typedLine(strings.NewReader(tc.text), tc.windows)
			require.NoError(t, err)
			require.Equal(t, tc.want, string(got))
			require.NotNil(t, got)
		})
	}
	_, err := typedLine(strings.NewReader(""), false)
	require.Error(t, err, "no answer is not an empty one")
	_, err = typedLine(strings.NewReader(strings.Repeat("x", 2*maxPassphraseFile)), false)
	require.ErrorContains(t, err, "more than")
}
