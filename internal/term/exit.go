// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"context"
	"errors"
)

// Exit codes. A signal adds its number to [ExitSignal], as shells do.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitMisuse      = 2
	ExitSignal      = 128
	ExitInterrupted = ExitSignal + 2 // Ctrl-C
)

// errHelpShown means that the help text says what is missing.
var errHelpShown = errors.New("help was shown")

// Fail prints err and its hint, and returns the exit code for it.
func (c *Console) Fail(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errHelpShown):
		return ExitMisuse
	}
	text := err.Error()
	if errors.Is(err, context.Canceled) {
		text = "interrupted"
	}
	c.line("error", "31", text)
	if h, ok := errors.AsType[*hinted](err); ok {
		c.Hint(h.hint)
	}

	return exitCode(err)
}

func exitCode(err error) int {
	if _, ok := errors.AsType[*usageError](err); ok {
		return ExitMisuse
	}
	if i, ok := errors.AsType[*interruption](err); ok && i.signal > 0 {
		return ExitSignal + int(i.signal)
	}
	if errors.Is(err, context.Canceled) {
		return ExitInterrupted
	}

	return ExitFailed
}
