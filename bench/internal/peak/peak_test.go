// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package peak

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	require.EqualValues(t, 7132<<10, parse("Name:\tx\nVmPeak:\t  99 kB\nVmHWM:\t    7132 kB\nVmRSS:\t 1 kB\n"))
	require.Zero(t, parse("Name:\tx\n"))
	require.Zero(t, parse("VmHWM:\tmany kB\n"))
	if runtime.GOOS == "linux" {
		require.Positive(t, Bytes())
	}
}
