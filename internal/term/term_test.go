// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

func TestSanitize(t *testing.T) {
	for in, want := range map[string]string{
		"release 1.2.3":            "release 1.2.3",
		"größer ✓ 日本":              "größer ✓ 日本",
		"\x1b[31mred\x1b[0m":       `\x1b[31mred\x1b[0m`,
		"\x1b]0;title\x07":         `\x1b]0;title\x07`,
		"\u009b31m":                `\u009b31m`, // CSI in one character
		"a\nkeygen: error: forged": `a\nkeygen: error: forged`,
		"a\rb\tc":                  `a\rb\tc`,
		"\x7f\x00":                 `\x7f\x00`,
		"abc\u202egnp.exe":         `abc\u202egnp.exe`,
		"zero\u200bwidth":          `zero\u200bwidth`,
		"\u2028":                   `\u2028`,
		"\U000e0041":               `\U000e0041`,
		"bad \xff\x9b utf8":        `bad \xff\x9b utf8`,
		"":                         "",
	} {
		require.Equal(t, want, Sanitize(in))
	}
}

func FuzzSanitize(f *testing.F) {
	f.Add("\x1b[31m\u202e\xff\n")
	f.Fuzz(func(t *testing.T, s string) {
		out := Sanitize(s)
		for _, r := range out {
			require.True(t, unicode.IsPrint(r), "%q", out)
		}
		require.Equal(t, out, Sanitize(out), "sanitizing twice changes nothing")
	})
}

func TestFail(t *testing.T) {
	base := errors.New("base\x1b[2J")
	for name, tc := range map[string]struct {
		err  error
		code int
		out  string
	}{
		"nil":           {nil, ExitOK, ""},
		"plain":         {base, ExitFailed, "tool: error: base\\x1b[2J\n"},
		"usage":         {Usage(base), ExitMisuse, "tool: error: base\\x1b[2J\n"},
		"usage wrapped": {fmt.Errorf("doing: %w", Usagef("bad %q", "x")), ExitMisuse, "tool: error: doing: bad \"x\"\n"},
		"hint":          {WithHint(base, "try\nthis"), ExitFailed, "tool: error: base\\x1b[2J\ntool: hint: try\\nthis\n"},
		"usage, hint":   {WithHint(Usage(base), "h"), ExitMisuse, "tool: error: base\\x1b[2J\ntool: hint: h\n"},
		"a key": {
			WithHint(errors.New("bad flag: -----BEGIN PRIVATE KEY-----\nMC4C"), "h"), ExitFailed,
			"tool: error: message not shown, because it contains a private key (a key was given where something else is expected)\ntool: hint: h\n",
		},
		"interrupted": {fmt.Errorf("asking: %w", context.Canceled), ExitInterrupted, "tool: error: interrupted\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, err bytes.Buffer
			require.Equal(t, tc.code, NewConsole("tool", nil, &out, &err).Fail(tc.err))
			require.Equal(t, tc.out, err.String())
			require.Empty(t, out.String(), "standard output is for data")
		})
	}
	require.ErrorIs(t, WithHint(Usage(base), "h"), base)
}

func TestExecute(t *testing.T) {
	failure := errors.New("it broke")
	run := func(args ...string) (int, string, string) {
		var out, err bytes.Buffer
		c := NewConsole("tool", strings.NewReader(""), &out, &err)
		root := NewRoot("tool", "A tool", "A tool.")
		sub := &cobra.Command{Use: "sub <x>", Short: "Sub", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "fail" {
				return failure
			}
			fmt.Fprintln(cmd.OutOrStdout(), args[0])
			return nil
		}}
		sub.Flags().Bool("a", false, "")
		sub.Flags().Bool("b", false, "")
		sub.Flags().Int("n", 0, "")
		sub.MarkFlagsMutuallyExclusive("a", "b")
		root.AddCommand(sub)
		code := c.Execute(context.Background(), root, args)
		return code, out.String(), err.String()
	}
	for _, tc := range []struct {
		args []string
		code int
		err  string
	}{
		{[]string{"sub", "x"}, ExitOK, ""},
		{[]string{"sub", "fail"}, ExitFailed, "tool: error: it broke\n"},
		{[]string{}, ExitMisuse, "A tool.\n\nUsage:\n"},
		{[]string{"sbu"}, ExitMisuse, "tool: error: unknown command \"sbu\" (did you mean sub?)\ntool: hint: see tool --help\n"},
		{[]string{"sub"}, ExitMisuse, "tool: error: accepts 1 arg"},
		{[]string{"sub", "x", "--what"}, ExitMisuse, "tool: error: unknown flag: --what\ntool: hint: see tool sub --help"},
		{[]string{"sub", "x", "--n=y"}, ExitMisuse, `invalid argument "y"`},
		{[]string{"sub", "x", "--a", "--b"}, ExitMisuse, "none of the others can be"},
	} {
		code, _, stderr := run(tc.args...)
		require.Equal(t, tc.code, code, tc.args)
		require.Contains(t, stderr, tc.err)
		require.Equal(t, tc.err == "", stderr == "")
	}
	code, out, _ := run("--help")
	require.Equal(t, ExitOK, code)
	require.Contains(t, out, "completion")
	require.Contains(t, out, "\n  man ")
	code, out, _ = run()
	require.Equal(t, ExitMisuse, code)
	require.Empty(t, out, "help that was not asked for is not data")
	code, out, _ = run("--version")
	require.Equal(t, ExitOK, code)
	require.True(t, strings.HasPrefix(out, "tool "))

	dir := filepath.Join(t.TempDir(), "man")
	code, _, stderr := run("man", dir)
	require.Equal(t, ExitOK, code, stderr)
	require.FileExists(t, filepath.Join(dir, "tool-sub.1"))
}

func source(t *testing.T, args ...string) *PassphraseSource {
	t.Helper()
	var s PassphraseSource
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.AddFlags(flags, "passphrase", "of the key")
	require.NoError(t, flags.Parse(args))
	return &s
}

func TestPassphraseFlags(t *testing.T) {
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "p")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	t.Setenv("TEST_PASSPHRASE", "from env")
	t.Setenv("COSIGN_PASSWORD", "another tool's")
	for name, tc := range map[string]struct{ args, want, err string }{
		"line":        {"--passphrase-file=" + file("secret\n"), "secret", ""},
		"no newline":  {"--passphrase-file=" + file("secret"), "secret", ""},
		"CRLF":        {"--passphrase-file=" + file("secret\r\nmore"), "secret", ""},
		"spaces stay": {"--passphrase-file=" + file("  se cret \n"), "  se cret ", ""},
		"first line":  {"--passphrase-file=" + file("one\ntwo\n"), "one", ""},
		"huge":        {"--passphrase-file=" + file(strings.Repeat("x", maxPassphraseFile+1)), "", "larger than"},
		"missing":     {"--passphrase-file=" + filepath.Join(t.TempDir(), "none"), "", "none"},
		"directory":   {"--passphrase-file=" + t.TempDir(), "", "is a directory"},
		"variable":    {"--passphrase-env=TEST_PASSPHRASE", "from env", ""},
		"unset":       {"--passphrase-env=TEST_NO_SUCH", "", `environment variable "TEST_NO_SUCH" is not set`},
		"no name":     {"--passphrase-env=correct horse", "", "the environment variable that --passphrase-env names is not set"},
		"no file":     {"--passphrase-file=correct horse", "", "the file that --passphrase-file names: "},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			c := NewConsole("tool", strings.NewReader("never read\n"), nil, &stderr)
			for _, ask := range []func(context.Context, *Console, string) ([]byte, error){source(t, tc.args).Known, source(t, tc.args).New} {
				got, err := ask(context.Background(), c, "k")
				if tc.err != "" {
					require.ErrorContains(t, err, tc.err)
					require.NotContains(t, err.Error(), "correct horse")
					continue
				}
				require.NoError(t, err)
				require.Equal(t, tc.want, string(got))
			}
			require.Empty(t, stderr.String())
		})
	}
}

func TestProgressWithoutTerminal(t *testing.T) {
	var stderr bytes.Buffer
	p := NewConsole("tool", nil, nil, &stderr).Progress("down\x1bload", 4_000_000)
	for done := int64(0); done <= 5_000_000; done += 1000 {
		p.Set(done)
	}
	p.Set(-1)
	p.Close()
	p.Set(4_000_000)
	p.Close()
	require.Equal(t, strings.ReplaceAll(`L: 25% of 4.0 MB
L: 50% of 4.0 MB
L: 75% of 4.0 MB
L: 100% of 4.0 MB
`, "L", `down\x1bload`), stderr.String())

	stderr.Reset()
	unknown := NewConsole("tool", nil, nil, &stderr).Progress("x", 0)
	unknown.Set(10)
	unknown.Close()
	require.Empty(t, stderr.String())
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 1 << 62: "4.6 EB"} {
		require.Equal(t, want, Bytes(n))
	}
}
