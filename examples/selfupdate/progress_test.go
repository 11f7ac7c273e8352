// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
)

func TestProgress(t *testing.T) {
	reports := []updater.ProgressReport{
		{Phase: updater.PhaseDownload, Done: 0, Total: 2e6},
		{Phase: updater.PhaseDownload, Done: 1e6, Total: 2e6, Rate: 3e6},
		{Phase: updater.PhaseDownload, Done: 2e6, Total: 2e6, Rate: 4e6},
		{Phase: updater.PhaseUnpack, Done: 7}, // of an unknown number
	}
	for name, tc := range map[string]struct {
		terminal bool
		want     string
	}{
		"a terminal": {true, "\rdownload   [                              ]   0% of 2.0 MB, 0.0 MB/s\x1b[K" +
			"\rdownload   [###############               ]  50% of 2.0 MB, 3.0 MB/s\x1b[K" +
			"\rdownload   [##############################] 100% of 2.0 MB, 4.0 MB/s\x1b[K\n"},
		"a log": {false, "selfupdate: download: 2.0 MB, 4.0 MB/s\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			show := progress(&out, tc.terminal)
			for _, p := range reports {
				show(p)
			}
			require.Equal(t, tc.want, out.String())
		})
	}
}
