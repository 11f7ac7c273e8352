// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

func TestE3_Nearest(t *testing.T) {
	commands := []string{"add", "list", "verify", "sign", "cosign", "tuf"}
	for word, want := range map[string]string{
		"verfy": "verify", "lsit": "list", "lst": "list", "LIST": "list", "cosgin": "cosign", "ver": "verify",
		"signn": "sign", "tfu": "tuf", "addd": "add",
		"rm": "", "x": "", "": "", "v": "", "frobnicate": "", "choria": "",
		strings.Repeat("verify", 1000): "",
	} {
		require.Equal(t, want, Nearest(word, commands), "%.50s", word)
	}
	require.Empty(t, Nearest("list", nil))
	require.Equal(t, 1, edits("ab", "ba"), "two letters were swapped")
	require.Equal(t, 3, edits("kitten", "sitting"))
	long := strings.Repeat("a", maxQuoted+1)
	require.Equal(t, len(long), edits(long, long), "long words are not compared")
}

// tool returns a command with commands in two levels, and runs it.
func tool(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	c := NewConsole("tool", strings.NewReader(""), &out, &errs)
	root := NewRoot("tool", "A tool", "A tool.")
	wait := func(cmd *cobra.Command, _ []string) error {
		<-cmd.Context().Done()
		return context.Cause(cmd.Context())
	}
	list := &cobra.Command{Use: "list", Short: "List", Args: cobra.NoArgs, RunE: wait}
	list.Flags().String("version", "", "")
	list.Flags().String("secret", "", "")
	_ = list.Flags().MarkHidden("secret")
	group := &cobra.Command{Use: "group", Short: "Group"}
	group.AddCommand(&cobra.Command{Use: "remove", Short: "Remove", RunE: func(cmd *cobra.Command, _ []string) error {
		<-cmd.Context().Done()
		return cmd.Context().Err()
	}})
	root.AddCommand(list, group, &cobra.Command{Use: "topic", Short: "Topic", Long: "All about it."})
	code = c.Execute(ctx, root, args)

	return code, out.String(), errs.String()
}

func TestE3_DidYouMean(t *testing.T) {
	for line, want := range map[string]string{
		"lsit":                  `unknown command "lsit" (did you mean list?)`,
		"ls":                    `unknown command "ls" (did you mean list?)`,
		"hepl":                  `unknown command "hepl" (did you mean help?)`,
		"mna x":                 `unknown command "mna" (did you mean man?)`,
		"rm":                    `unknown command "rm" (the commands are completion, group, help, list, man)`,
		"group rm":              `unknown command "rm" (did you mean remove?)`,
		"group rmeove --repo r": `unknown command "rmeove" (did you mean remove?)`,
		"group x":               `unknown command "x" (the commands are remove)`,
		"help lsit":             `unknown command "lsit" (did you mean list?)`,
		"help group remvoe":     `unknown command "remvoe" (did you mean remove?)`,
		"completion bsh":        `unknown command "bsh" (did you mean bash?)`,
		"list --verson":         "unknown flag: --verson (did you mean --version?)",
		"list --verson=1":       "unknown flag: --verson (did you mean --version?)",
		"list -version 1":       "unknown shorthand flag: 'v' in -version (did you mean --version?)",
		"list --secert":         "unknown flag: --secert\n",
		"list --frobnicate":     "unknown flag: --frobnicate\n",
		"list -v":               "unknown shorthand flag: 'v' in -v\n",
		"--verson":              "unknown flag: --verson (did you mean --version?)",
		"\x1b[2Jlist":           `unknown command "\x1b[2Jlist"`,
		"MC4CAQAwBQYDK2VwBCIEIJ0aZ8xY1pKq3mB7cW5nD2rT4sE6hG9jL0vU8iO1kN3": "unknown command in the arguments",
	} {
		code, stdout, stderr := tool(t.Context(), strings.Fields(line)...)
		require.Equal(t, ExitMisuse, code, line)
		require.Contains(t, stderr, "tool: error: "+want, line)
		require.Equal(t, 1, strings.Count(stderr, "\ntool: hint: "), line)
		require.NotContains(t, stderr, "MC4C", "what may be a secret is not printed")
		require.Empty(t, stdout, line)
	}
}

func TestE3_HelpWhenCalledWithNothing(t *testing.T) {
	for _, line := range []string{"", "group", "completion"} {
		words := strings.Fields(line)
		code, stdout, stderr := tool(t.Context(), words...)
		require.Equal(t, ExitMisuse, code, line)
		require.Contains(t, stderr, "Available Commands:")
		require.NotContains(t, stderr, "error")
		require.Empty(t, stdout, "help that was not asked for is not data")

		for _, asked := range [][]string{append([]string{"help"}, words...), append(words, "--help")} {
			code, stdout, again := tool(t.Context(), asked...)
			require.Equal(t, ExitOK, code, asked)
			require.Equal(t, stderr, stdout, asked)
			require.Empty(t, again)
		}
	}
	_, _, stderr := tool(t.Context(), "help", "tpoic")
	require.Contains(t, stderr, "hint: tool --help lists the commands and topics")
	code, stdout, _ := tool(t.Context(), "help", "topic")
	require.Equal(t, ExitOK, code)
	require.Equal(t, "All about it.\n\n", stdout)
	code, stdout, _ = tool(t.Context(), "__complete", "help", "")
	require.Equal(t, ExitOK, code)
	require.Contains(t, stdout, "topic\tTopic\n")
	require.Contains(t, stdout, "list\tList\n")
}
