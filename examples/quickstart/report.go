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

// report prints the story: what is done, what programs say, what was observed.
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
	// When standard output is gone the exit code still tells.
	_, _ = fmt.Fprintf(r.w, "%s%s\n", mark, printable(text))
}

func (r *report) step(title string) {
	if r.steps++; r.steps > 1 {
		r.line("", "", "")
	}
	r.line("1", fmt.Sprintf("%d. ", r.steps), title)
}

func (r *report) does(format string, args ...any) { r.line("", "   ", fmt.Sprintf(format, args...)) }

func (r *report) saw(format string, args ...any) {
	r.line("32", "   ✓ ", fmt.Sprintf(format, args...))
}

func (r *report) done(format string, args ...any) {
	r.line("", "", "")
	r.line("32", "", fmt.Sprintf(format, args...))
}

// quote shows what a program printed.
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

// printable keeps what a hostile server sent off the terminal's controls.
func printable(text string) string { return term.Sanitize(text) }
