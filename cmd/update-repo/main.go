// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command update-repo publishes signed releases into a repository of static
// files, and checks, lists and signs what is published.
package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := term.NewConsole("update-repo", stdin, stdout, stderr)
	root := newRoot(c)

	return c.Execute(ctx, root, withCommand(root, args))
}

const rootHelp = `update-repo publishes the releases of a program into a repository: a directory
of plain files that any web server can serve, and from which the program
updates itself. It signs what it publishes.

The line of version 0.1.0, update-repo FILE --version V --os O --arch A, means
update-repo add with the same arguments. A file that is named like a command is
written as ./list.`

func newRoot(c *term.Console) *cobra.Command {
	root := term.NewRoot("update-repo", "Publish signed releases for programs that update themselves", rootHelp)
	root.AddCommand(addCommand(c), listCommand(c), verifyCommand(c), signCommand(c), cosignCommand(c), tufCommand(c))

	return root
}

// withCommand puts in the command that the line of v0.1.0 does without.
func withCommand(root *cobra.Command, args []string) []string {
	if len(args) == 0 {
		return args
	}
	first := args[0]
	// cobra adds these two when it runs, and asks for completions by the others.
	known := []string{"help", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}
	for _, cmd := range root.Commands() {
		known = append(known, cmd.Name())
	}
	switch {
	case slices.Contains(known, first), first == "-h", first == "--help":
		return args
	// Alone it is the question for our own version.
	case len(args) == 1 && first == "--version":
		return args
	}

	return append([]string{"add"}, args...)
}

// explain adds to an error what the user can do about it, and marks those that
// come from the command line.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, repository.ErrExists):
		return term.WithHint(err, "published releases do not change: choose another version, or say --force")
	case errors.Is(err, repository.ErrRequest), errors.Is(err, repository.ErrPlatform):
		return term.Usage(err)
	case errors.Is(err, repository.ErrOtherKey):
		return term.WithHint(err, "add a signature with update-repo cosign, or replace the one there with --force")
	case errors.Is(err, signing.ErrAlreadySigned):
		return term.WithHint(err, "a key counts once: cosign with another one")
	case errors.Is(err, trust.ErrExpired):
		return term.WithHint(err, "clients refuse such a release: compare the clock and SOURCE_DATE_EPOCH, or set --expires")
	case errors.Is(err, keys.ErrPassphrase):
		return term.WithHint(err, "try the passphrase again; update-repo changed nothing")
	case errors.Is(err, syscall.ENOSPC):
		return term.WithHint(err, "the disk is full; nothing was published")
	case errors.Is(err, fs.ErrPermission):
		return term.WithHint(err, "look at the owner and the mode of the file and its directory")
	}

	return err
}

// outside refuses a private key, or its passphrase, that would be served to the
// world.
func outside(r *repository.Repository, ref string, passphrase *term.PassphraseSource) error {
	if strings.HasPrefix(ref, "env:") || strings.HasPrefix(ref, "ssh-agent:") || strings.Contains(ref, "://") {
		ref = ""
	}
	for _, secret := range []struct{ what, file string }{{"private key", ref}, {"passphrase", passphrase.File()}} {
		if secret.file == "" {
			continue
		}
		// What is not there is reported by who reads it.
		if in, err := r.Contains(secret.file); err == nil && in {
			return term.WithHint(term.Usagef("the %s %q is inside the repository, where it would be served", secret.what, secret.file),
				"keep it somewhere else, and make a new one if the repository was ever copied")
		}
	}

	return nil
}
