// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"context"
	"errors"
)

// Exit codes.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitMisuse = 2
)

// Fail prints err and its hint, and returns the exit code for it.
func (c *Console) Fail(err error) int {
	if err == nil {
		return ExitOK
	}
	text := err.Error()
	if errors.Is(err, context.Canceled) {
		text = "interrupted"
	}
	c.line("error", "31", text)
	var h *hinted
	if errors.As(err, &h) {
		c.Hint(h.hint)
	}
	var u *usageError
	if errors.As(err, &u) {
		return ExitMisuse
	}
	return ExitFailed
}
