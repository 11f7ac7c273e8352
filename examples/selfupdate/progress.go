// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	updater "github.com/choria-io/go-updater"
)

// progress prints the progress of an update: on a terminal one line that changes,
// otherwise a line for each phase.
func progress(out io.Writer, terminal bool) func(updater.ProgressReport) {
	const width = 30
	return func(p updater.ProgressReport) {
		if p.Total == 0 {
			return
		}
		done := p.Done == p.Total
		rate := fmt.Sprintf("%.1f MB, %.1f MB/s", float64(p.Total)/1e6, p.Rate/1e6)
		if !terminal {
			if done {
				fmt.Fprintf(out, "selfupdate: %s: %s\n", p.Phase, rate)
			}
			return
		}
		bar := strings.Repeat("#", int(p.Done*width/p.Total))
		fmt.Fprintf(out, "\r%-10s [%-*s] %3d%% of %s\x1b[K", p.Phase, width, bar, p.Done*100/p.Total, rate)
		if done {
			fmt.Fprintln(out)
		}
	}
}

func onTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("CI") == ""
}
