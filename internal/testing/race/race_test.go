// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package race_test

import (
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
)

func TestSkip(t *testing.T) {
	info, ok := debug.ReadBuildInfo()
	require.True(t, ok)
	detector := slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})

	ran := false
	t.Run("skipped with the detector", func(t *testing.T) {
		race.Skip(t, "example")
		ran = true
	})
	require.Equal(t, !detector, ran)
}

func TestSkipPackage(t *testing.T) {
	race.Skip(t, "SkipPackage would end this process")
	race.SkipPackage("example")
}
