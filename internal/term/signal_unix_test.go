// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package term

import (
	"context"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSignalsHaveExitCodes(t *testing.T) {
	for signal, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		ctx, stop := WithSignals(t.Context())
		require.NoError(t, syscall.Kill(syscall.Getpid(), signal))
		code, _, stderr := tool(ctx, "list")
		again, _, _ := tool(ctx, "group", "remove")
		stop()
		require.Equal(t, want, code)
		require.Equal(t, want, again, "a command returns the error of the context, not its cause")
		require.Equal(t, "tool: error: interrupted\n", stderr)
		require.ErrorIs(t, context.Cause(ctx), context.Canceled, "callers need not know about signals")
	}

	// Without a signal it is as Ctrl-C.
	ctx, stop := WithSignals(t.Context())
	stop()
	code, _, _ := tool(ctx, "list")
	require.Equal(t, ExitInterrupted, code)
}
