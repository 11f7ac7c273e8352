// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/choria-io/go-updater/internal/term"
)

// report prints the steps, the output of programs and the results.
type report struct {
	w      io.Writer
	colour bool
	steps  int
}

func newReport(w io.Writer) *report {
	return &report{w: w, colour: term.IsTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("CI") == ""}
}

func (r *report) line(colour, mark, text string) {
	if r.colour && colour != "" {
		mark = "\x1b[" + colour + "m" + mark + "\x1b[0m"
	}
	// If standard output is closed, the exit code still reports the result.
	_, _ = fmt.Fprintf(r.w, "%s%s\n", mark, printable(text))
}

func (r *report) step(title string) {
	if r.steps++; r.steps > 1 {
		r.line("", "", "")
	}
	r.line("1", fmt.Sprintf("%d. ", r.steps), title)
}

func (r *report) detail(format string, args ...any) { r.line("", "   ", fmt.Sprintf(format, args...)) }

func (r *report) result(format string, args ...any) {
	r.line("32", "   ✓ ", fmt.Sprintf(format, args...))
}

func (r *report) done(format string, args ...any) {
	r.line("", "", "")
	r.line("32", "", fmt.Sprintf(format, args...))
}

// quote prints the output of a program.
func (r *report) quote(output string) {
	for _, line := range lines(output) {
		if line != "" {
			r.line("2", "   | ", line)
		}
	}
}

func lines(output string) []string {
	return strings.Split(strings.TrimSpace(strings.ReplaceAll(output, "\r\n", "\n")), "\n")
}

// printable removes control sequences, because the text may come from a hostile server.
func printable(text string) string { return term.Sanitize(text) }
