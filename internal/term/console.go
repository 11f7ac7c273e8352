// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/choria-io/go-updater/internal/keytext"
)

// Console holds the standard streams of a command.
type Console struct {
	In  io.Reader
	Out io.Writer // data only
	Err io.Writer

	name string
}

// NewConsole returns a Console whose messages start with name.
func NewConsole(name string, in io.Reader, out, err io.Writer) *Console {
	return &Console{In: in, Out: out, Err: err, name: name}
}

// Warning prints a problem that does not stop the command.
func (c *Console) Warning(text string) { c.line("warning", "33", text) }

// Hint prints how to fix an error.
func (c *Console) Hint(text string) { c.line("hint", "36", text) }

func (c *Console) line(kind, color, text string) {
	if fancy(c.Err) {
		kind = "\x1b[" + color + "m" + kind + ":\x1b[0m"
	} else {
		kind += ":"
	}
	// Errors quote names, and users pass a key instead of its name.
	if keytext.IsPrivate(text) {
		text = "message not shown, because it contains a private key (a key was given where something else is expected)"
	}
	_, _ = fmt.Fprintf(c.Err, "%s: %s %s\n", c.name, kind, Sanitize(text))
}

type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// WithHint adds to err how to fix it.
func WithHint(err error, hint string) error { return &hinted{err, hint} }

type usageError struct{ error }

func (u *usageError) Unwrap() error { return u.error }

// Usage marks err as an error in the command line, for [ExitMisuse].
func Usage(err error) error { return &usageError{err} }

// Usagef is [Usage] with a new error.
func Usagef(format string, args ...any) error { return Usage(fmt.Errorf(format, args...)) }

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && f != nil && term.IsTerminal(int(f.Fd()))
}

// fancy reports whether to use colors and progress bars on a stream.
func fancy(stream any) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("CI") == "" && os.Getenv("TERM") != "dumb" && IsTerminal(stream)
}
