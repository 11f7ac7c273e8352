// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
)

// withCommand inserts the command that is missing in the command line of v0.1.0: add,
// if its argument is a file. It returns an error for what is neither a command nor a
// file. cobra would parse the flags first, and complain about those.
func withCommand(c *term.Console, root *cobra.Command, args []string) ([]string, error) {
	if len(args) == 0 {
		return args, nil
	}
	adding := append([]string{"add"}, args...)
	first := args[0]
	if cmd := commandNamed(root, first); cmd != "" {
		// Help topics are no commands of v0.1.0, so a file of the name is one to publish.
		if isTopic(root, first) && len(args) > 1 && isFile(first) {
			return adding, nil
		}
		return args, nil
	}
	word := first
	if strings.HasPrefix(first, "-") {
		// Alone, --version asks for the version of update-repo.
		if len(args) == 1 || first == "-h" || first == "--help" {
			return args, nil
		}
		// Errors in flags are reported by add, and so is that there is no file.
		flags := addCommand(c)
		flags.InitDefaultHelpFlag()
		if err := flags.Flags().Parse(args); err != nil || flags.Flags().NArg() == 0 {
			return adding, nil
		}
		word = flags.Flags().Arg(0)
	}
	if isFile(word) || anyPlatform.MatchString(word) {
		return adding, nil
	}

	return nil, notACommand(root, word)
}

// notACommand explains why word is neither a command nor a file to publish.
func notACommand(root *cobra.Command, word string) error {
	const hint = "update-repo --help lists the commands; a file to publish must exist"
	info, err := os.Stat(word)
	switch {
	case commandNamed(root, word) != "":
		return term.WithHint(term.Usagef("the command %s comes before its flags", word), "see update-repo "+word+" --help")
	case err == nil && info.IsDir():
		return term.WithHint(term.Usagef("%q is a directory, and neither a command nor a file to publish", word), hint)
	case strings.ContainsAny(word, `./\`) && len(word) <= 40:
		return term.WithHint(term.Usagef("there is neither a file nor a command %q", word), hint)
	}

	return term.WithHint(term.UnknownCommand(root, word), hint)
}

// isFile reports whether name may be a file to publish. That it cannot be read is
// reported by add.
func isFile(name string) bool {
	info, err := os.Stat(name)
	if err != nil {
		return errors.Is(err, fs.ErrPermission)
	}

	return !info.IsDir()
}

// commandNamed returns the name of the command that a word is, or "".
func commandNamed(root *cobra.Command, word string) string {
	// cobra adds the first two when it runs; shells call the others to complete.
	for _, name := range []string{"help", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd} {
		if word == name {
			return name
		}
	}
	for _, cmd := range root.Commands() {
		if word == cmd.Name() || cmd.HasAlias(word) {
			return cmd.Name()
		}
	}

	return ""
}

func isTopic(root *cobra.Command, name string) bool {
	for _, cmd := range root.Commands() {
		if cmd.Name() == name {
			return cmd.IsAdditionalHelpTopicCommand()
		}
	}

	return false
}
