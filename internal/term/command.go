// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/choria-io/go-updater/internal/keytext"
)

// Execute runs a command and returns its exit code. Errors before a RunE starts
// are errors of cobra about the command line, so the code is [ExitMisuse].
func (c *Console) Execute(ctx context.Context, root *cobra.Command, args []string) int {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(args)
	root.SetIn(c.In)
	root.SetOut(c.Out)
	root.SetErr(c.Err)
	// Flags that take a key must not quote it.
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok && keytext.MaybeSecret(bad.GetValue()) {
			return fmt.Errorf("invalid argument for %q flag: %w", "--"+bad.GetFlag().Name, bad.Unwrap())
		}
		return err
	})
	started := false
	markStart(root, &started)

	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !started {
		err = WithHint(Usage(err), fmt.Sprintf("see %s --help", cmd.CommandPath()))
	}
	return c.Fail(err)
}

func markStart(cmd *cobra.Command, started *bool) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*started = true
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		markStart(sub, started)
	}
}

// NewRoot returns a command for subcommands, with help, --version, completion and
// man pages.
func NewRoot(name, short, long string) *cobra.Command {
	root := &cobra.Command{
		Use:     name,
		Short:   short,
		Long:    long,
		Version: version(),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return WithHint(Usagef("no command given"), "see "+cmd.CommandPath()+" --help")
		},
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.AddCommand(manCommand(root))
	return root
}

func manCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "man <directory>",
		Short:  "Write manual pages to a directory",
		Args:   cobra.ExactArgs(1),
		Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("writing manual pages: %w", err)
			}
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: root.Name()}, args[0]); err != nil {
				return fmt.Errorf("writing manual pages: %w", err)
			}
			return nil
		},
	}
}

// version returns the version of the module.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown)"
	}
	return info.Main.Version
}
