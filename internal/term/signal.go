// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// interruption is the cause of a context that a signal canceled.
type interruption struct{ signal syscall.Signal }

func (i *interruption) Error() string { return fmt.Sprintf("interrupted by signal %d", i.signal) }

// Is makes the cause of a canceled context as good as its error.
func (i *interruption) Is(target error) bool { return target == context.Canceled }

// WithSignals returns a context that Ctrl-C or SIGTERM cancels, so that the command
// can remove what it has begun. [Console.Execute] then returns the exit code that a
// shell reports for a command that the signal ended. Call stop at the end.
func WithSignals(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	received := make(chan os.Signal, 1)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-received:
			number, _ := s.(syscall.Signal)
			cancel(&interruption{number})
		case <-ctx.Done():
		}
	}()

	return ctx, func() {
		signal.Stop(received)
		cancel(nil)
	}
}
