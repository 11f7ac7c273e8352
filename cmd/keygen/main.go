// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command keygen makes, shows and converts keys that sign releases.
package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
)

func main() {
	ctx, stop := term.WithSignals(context.Background())
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := term.NewConsole("keygen", stdin, stdout, stderr)
	return c.Execute(ctx, newRoot(c), args)
}

func newRoot(c *term.Console) *cobra.Command {
	root := term.NewRoot("keygen", "Make, show and convert keys that sign releases",
		`keygen makes the Ed25519 key pair that signs the releases of a program. It also
shows the contents of key files, converts keys to and from the formats of other
tools, and changes passphrases.

Keep the private key off the machines that serve releases. Embed the public key
in the program that updates itself.`)
	root.AddCommand(releaseCommand(c), showCommand(c), convertCommand(c), passwdCommand(c))
	return root
}
