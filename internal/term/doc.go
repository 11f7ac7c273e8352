// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package term is the command line interface that both commands share. No other
// package reads from or writes to the terminal.
package term

// Rules:
//
//   - Standard output contains data only. Prompts, progress bars and messages
//     never go there.
//   - A message is one line on standard error: "name: error: …", "name: hint:
//     …" or "name: warning: …", escaped by Sanitize.
//   - The exit code is 0 for success, 1 for failure, 2 for a wrong command line,
//     130 after Ctrl-C and 143 after SIGTERM.
//   - A command that only has other commands, called with nothing, prints its help
//     to standard error and exits with 2, as go does. Help that was asked for is
//     data: standard output, and 0.
//   - A passphrase comes from a file or a variable that a flag names, otherwise
//     from the terminal: from /dev/tty, so that standard input can be a pipe, or
//     from standard input if that is a terminal. It never comes from the command
//     line, which other users see, or from a variable that no flag names.
//   - The terminal does not echo a passphrase, from before the prompt until the
//     answer. A new passphrase is typed twice. An interrupt restores the
//     terminal.
//   - Without a terminal there is no prompt. The exit code is 2 and the hint
//     names the missing flag, so a build fails at once and does not hang.
//   - Colors and progress bars need a terminal, and are off if NO_COLOR or CI is
//     set or TERM is dumb. Without them, progress is a few plain lines.
