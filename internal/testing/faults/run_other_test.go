// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !linux || (!amd64 && !arm64)

package faults

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRunIsUnsupported(t *testing.T) {
	_, err := Run(t.Context(), exec.Command("go", "version"), Watch{}, nil)
	require.ErrorIs(t, err, ErrUnsupported)
}
