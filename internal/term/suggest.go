// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/choria-io/go-updater/internal/keytext"
)

// maxQuoted is the longest word that an error quotes if it is neither a command nor
// a file. It may be a secret in the wrong place, and those are longer.
const maxQuoted = 40

// Nearest returns the candidate that a user most likely meant by word, or "".
func Nearest(word string, candidates []string) string {
	word = strings.ToLower(word)
	best, distance := "", max(1, (len(word)+1)/3)+1
	for _, c := range candidates {
		if d := edits(word, strings.ToLower(c)); d < distance {
			best, distance = c, d
		}
	}
	if best != "" {
		return best
	}
	for _, c := range candidates {
		if len(word) > 1 && strings.HasPrefix(strings.ToLower(c), word) {
			return c
		}
	}

	return ""
}

// edits is the number of letters to insert, delete, replace or swap with the next
// that makes a into b: the distance of optimal string alignment.
func edits(a, b string) int {
	if len(a) > maxQuoted {
		return len(a)
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			rows[i][j] = min(replaced, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}

	return rows[len(a)][len(b)]
}

// synonyms are names that other tools give to commands.
var synonyms = map[string]string{
	"rm": "remove", "delete": "remove", "del": "remove", "ls": "list", "check": "verify", "publish": "add",
	"upload": "push", "gc": "prune", "generate": "release", "new": "release", "print": "show",
}

// UnknownCommand returns the error for a word in the place of a command of cmd: with
// the command that was meant, or else with all commands.
func UnknownCommand(cmd *cobra.Command, word string) error {
	if !cmd.HasParent() {
		cmd.InitDefaultHelpCmd()
		cmd.InitDefaultCompletionCmd()
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" {
			names = append(names, sub.Name())
		}
	}
	quoted := fmt.Sprintf("%q", word)
	if len(word) > maxQuoted {
		quoted = "in the arguments"
	}
	meant := Nearest(word, names)
	for _, name := range names {
		if name == synonyms[strings.ToLower(word)] {
			meant = name
		}
	}
	if meant != "" {
		return Usagef("unknown command %s (did you mean %s?)", quoted, meant)
	}

	return Usagef("unknown command %s (the commands are %s)", quoted, strings.Join(names, ", "))
}

// flagError adds to the error of an unknown flag the one that was meant, and removes
// what may be a key.
func flagError(cmd *cobra.Command, err error) error {
	// Flags that take a key must not quote it.
	if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok && keytext.MaybeSecret(bad.GetValue()) {
		refused := fmt.Errorf("invalid argument for %q flag", "--"+bad.GetFlag().Name)
		if why := bad.Unwrap(); why != nil && !strings.Contains(why.Error(), bad.GetValue()) {
			refused = fmt.Errorf("%w: %w", refused, why)
		}
		return refused
	}
	// The flag is one of a command whose name was mistyped.
	if cmd.HasSubCommands() && cmd.Flags().NArg() > 0 {
		return UnknownCommand(cmd, cmd.Flags().Arg(0))
	}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return err
	}
	// In -version, which is a flag of v and others, --version was meant.
	word := unknown.GetSpecifiedShortnames()
	if word == "" {
		word = unknown.GetSpecifiedName()
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	word, _, _ = strings.Cut(word, "=")
	if meant := Nearest(word, names); meant != "" && len(word) > 1 {
		return fmt.Errorf("%w (did you mean --%s?)", err, meant)
	}

	return err
}
