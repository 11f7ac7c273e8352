// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// readHidden prompts for lines and reads them without echo. Echo is off before the
// first prompt appears and until the last answer, so that an answer that is typed
// early is not shown. If ctx ends (Ctrl-C is a signal), it restores the terminal and
// leaves the reading goroutine in its system call, because a read of a terminal
// cannot be cancelled.
func readHidden(ctx context.Context, in *os.File, out io.Writer, prompts ...string) (answers [][]byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	restore, err := hideInput(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase: %w", err)
	}
	defer func() {
		if failed := restore(); failed != nil {
			answers, err = nil, errors.Join(err, fmt.Errorf("restoring the terminal: %w", failed))
		}
	}()
	for _, prompt := range prompts {
		a, err := prompted(ctx, in, out, prompt)
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func prompted(ctx context.Context, in io.Reader, out io.Writer, prompt string) ([]byte, error) {
	if _, err := io.WriteString(out, Sanitize(prompt)); err != nil {
		return nil, fmt.Errorf("asking for the passphrase: %w", err)
	}
	// The typed line break is not echoed.
	defer func() { _, _ = io.WriteString(out, "\n") }()
	type result struct {
		line []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := typedLine(in, runtime.GOOS == "windows")
		read <- result{line, err}
	}()
	select {
	case r := <-read:
		if r.err != nil {
			return nil, fmt.Errorf("reading the passphrase: %w", r.err)
		}
		return r.line, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// typedLine reads a line, byte by byte, so that the next answer is left. The line is
// not nil, which would mean unknown. A Windows console that does not echo ends
// lines with a carriage return and does not edit them.
func typedLine(in io.Reader, windows bool) ([]byte, error) {
	end, ignored := byte('\n'), byte('\r')
	if windows {
		end, ignored = ignored, end
	}
	line := []byte{}
	for b := make([]byte, 1); len(line) <= maxPassphraseFile; {
		n, err := in.Read(b)
		switch {
		case n > 0 && b[0] == end:
			return line, nil
		case n > 0 && b[0] == '\b':
			line = line[:max(len(line)-1, 0)]
		case n > 0 && (!windows || b[0] != ignored):
			line = append(line, b[0])
		}
		if errors.Is(err, io.EOF) && len(line) > 0 {
			return line, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("more than %d bytes", maxPassphraseFile)
}
