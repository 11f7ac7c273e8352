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
)

// Execute runs a command and returns its exit code. Errors before a RunE starts
// are errors of cobra about the command line, so the code is [ExitMisuse].
func (c *Console) Execute(ctx context.Context, root *cobra.Command, args []string) int {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(args)
	root.SetIn(c.In)
	root.SetOut(c.Out)
	root.SetErr(c.Err)
	root.SetFlagErrorFunc(flagError)
	// cobra would add these when it runs, which is too late for prepare.
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	started := false
	prepare(root, &started)

	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !started {
		err = WithHint(Usage(err), fmt.Sprintf("see %s --help", cmd.CommandPath()))
	}
	var signal *interruption
	if errors.Is(err, context.Canceled) && errors.As(context.Cause(ctx), &signal) {
		err = signal
	}

	return c.Fail(err)
}

// prepare notes when a command starts, and gives those that only have other commands
// an answer to no command and to an unknown one.
func prepare(cmd *cobra.Command, started *bool) {
	if cmd.HasSubCommands() {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return UnknownCommand(cmd, args[0])
			}
			return nil
		}
		cmd.Run, cmd.RunE = nil, showHelp
	}
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*started = true
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		prepare(sub, started)
	}
}

// showHelp prints the help text to standard error: a script that reads the output
// of a command must not get it as data.
func showHelp(cmd *cobra.Command, _ []string) error {
	cmd.SetOut(cmd.ErrOrStderr())
	if err := cmd.Help(); err != nil {
		return err
	}

	return errHelpShown
}

// NewRoot returns a command for subcommands, with help, --version, completion and
// man pages.
func NewRoot(name, short, long string) *cobra.Command {
	root := &cobra.Command{Use: name, Short: short, Long: long, Version: version()}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetHelpCommand(helpCommand())
	root.AddCommand(manCommand(root))

	return root
}

// helpCommand is the one of cobra, but fails for what there is no help about.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | TOPIC]",
		Short: "Help about any command or topic",
		RunE: func(help *cobra.Command, args []string) error {
			cmd := help.Root()
			for _, word := range args {
				next := child(cmd, word)
				if next == nil {
					return WithHint(UnknownCommand(cmd, word), cmd.CommandPath()+" --help lists the commands and topics")
				}
				cmd = next
			}
			cmd.InitDefaultHelpFlag()
			cmd.InitDefaultVersionFlag()

			return cmd.Help()
		},
		ValidArgsFunction: func(help *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			cmd := help.Root()
			for _, word := range args {
				if cmd = child(cmd, word); cmd == nil {
					return nil, cobra.ShellCompDirectiveNoFileComp
				}
			}
			var names []string
			for _, sub := range cmd.Commands() {
				if sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}

			return names, cobra.ShellCompDirectiveNoFileComp
		},
		DisableFlagsInUseLine: true,
	}
}

func child(cmd *cobra.Command, name string) *cobra.Command {
	for _, sub := range cmd.Commands() {
		if sub.Name() == name || sub.HasAlias(name) {
			return sub
		}
	}

	return nil
}

func manCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "man DIRECTORY",
		Short:   "Write manual pages to a directory",
		Long:    "Write a manual page for each command to DIRECTORY, which is made if it does not exist.",
		Example: "  " + root.Name() + " man /usr/local/share/man/man1",
		Args:    cobra.ExactArgs(1),
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
		DisableFlagsInUseLine: true,
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
