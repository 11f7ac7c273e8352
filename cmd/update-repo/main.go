// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command update-repo publishes signed releases into a repository of static
// files, and signs, lists and verifies what is published.
package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

func main() {
	ctx, stop := term.WithSignals(context.Background())
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := term.NewConsole("update-repo", stdin, stdout, stderr)
	root := newRoot(c)

	args, err := withCommand(c, root, args)
	if err != nil {
		return c.Fail(err)
	}

	return c.Execute(ctx, root, args)
}

const rootHelp = `Publish the releases of a program into a repository: a directory of plain files
that any web server can serve, and from which the program updates itself.

The command line of version 0.1.0, update-repo FILE --version V --os O --arch A,
is the same as update-repo add with these arguments. If FILE has the name of a
command, write it as ./list.`

func newRoot(c *term.Console) *cobra.Command {
	root := term.NewRoot("update-repo", "Publish signed releases for programs that update themselves", rootHelp)
	root.AddCommand(addCommand(c), listCommand(c), verifyCommand(c), signCommand(c), cosignCommand(c), tufCommand(c))
	root.AddCommand(topics()...)

	return root
}

// newCommand returns a command that runs run and explains its errors.
func newCommand(use, short, long, example string, args cobra.PositionalArgs, run func(ctx context.Context, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error {
			return explainTUF(run(cmd.Context(), args))
		},
		DisableFlagsInUseLine: true,
	}
}

// explain adds a hint to an error, and marks mistakes in the command line.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, repository.ErrExists):
		return term.WithHint(err, "publish another version, or use --force to replace this one")
	case errors.Is(err, repository.ErrRequest):
		return term.Usage(err)
	case errors.Is(err, repository.ErrOtherKey):
		return term.WithHint(err, "use update-repo cosign to add a signature, or --force to replace the existing one")
	case errors.Is(err, signing.ErrAlreadySigned):
		return term.WithHint(err, "cosign with another key than the one that signed the release: signatures of one key count once")
	case errors.Is(err, trust.ErrExpired):
		return term.WithHint(err, "clients refuse this release: check the clock and SOURCE_DATE_EPOCH, or use a longer --expires")
	case errors.Is(err, keys.ErrPassphrase):
		return term.WithHint(err, "try again; nothing was changed")
	case errors.Is(err, syscall.ENOSPC):
		return term.WithHint(err, "the disk is full; nothing was changed")
	case errors.Is(err, fs.ErrPermission):
		return term.WithHint(err, "check the owner and mode of the file and its directory")
	}

	return err
}
