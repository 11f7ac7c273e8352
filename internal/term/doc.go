// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package term is the only code that talks to a terminal. Both commands use it
// so that they behave alike.
package term

// The rules, once:
//
//   - Standard output carries data and nothing else. Questions, bars and
//     messages never go there.
//   - A message is one line on standard error: "name: error: …", "name: hint:
//     …" or "name: warning: …". What came from outside is made harmless by
//     Sanitize first.
//   - Exit is 0 when done, 1 when it failed, 2 when the command line was wrong.
//   - A passphrase comes from a file or a variable that a flag names, else from
//     the terminal: /dev/tty, so that input can be piped, else standard input
//     if that is a terminal. It never comes from the command line, which other
//     users see, nor from a variable that no flag names.
//   - A passphrase is typed without echo, and twice when it is a new one. An
//     interrupt at the question puts the terminal back as it was.
//   - Without a terminal nothing is asked: the missing flag is named and the
//     exit is 2, so that a build fails at once instead of hanging.
//   - Colour and bars appear on a terminal only, and not when NO_COLOR or CI is
//     set or TERM is dumb. Elsewhere progress is a few plain lines.
